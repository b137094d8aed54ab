# SPDX-License-Identifier: Apache-2.0
"""The patch codec against torch's own convolutions and numpy's eigenvectors."""
import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

CONFIG = {"kind": "patch", "channels": 6, "spatial_patch": 4, "temporal_patch": 4}


def smooth_video(batch, frames, size=16, seed=0):
    coarse = torch.rand(batch, 3, frames, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(frames, size, size), mode="trilinear")


def fitted(channels=6, std_power=0.5):
    fit = model.PatchVAEFit(CONFIG)
    fit.add(smooth_video(8, 9))
    return fit.solve(channels, std_power)


def test_encoding_is_a_strided_causal_convolution():
    vae = fitted()
    state = vae.state_dict()
    video = smooth_video(2, 9, seed=1)
    padded = torch.cat([video[:, :, :1].repeat(1, 1, 3, 1, 1), video], 2)
    raw = torch.nn.functional.conv3d(padded, state["encoder.weight"], state["encoder.bias"], stride=(4, 4, 4))
    expected = (raw - state["mean"].view(1, -1, 1, 1, 1)) / state["std"].view(1, -1, 1, 1, 1)
    torch.testing.assert_close(vae.encode(video), expected, rtol=1e-4, atol=1e-5)


def test_the_reconstruction_is_the_best_of_its_rank():
    video = smooth_video(8, 9)
    vae = fitted()
    padded = torch.cat([video[:, :, :1].repeat(1, 1, 3, 1, 1), video], 2)
    patches = padded.unfold(2, 4, 4).unfold(3, 4, 4).unfold(4, 4, 4).permute(0, 2, 3, 4, 1, 5, 6, 7)
    patches = patches.reshape(-1, 3, 64).double().numpy()
    centred = (patches - patches.mean(axis=(0, 2))[None, :, None]).reshape(len(patches), -1)
    spectrum = np.linalg.svd(centred, compute_uv=False) ** 2
    weight = vae.state_dict()["encoder.weight"].flatten(1).double().numpy()
    left = ((centred - centred @ weight.T @ weight) ** 2).sum()
    assert left == pytest.approx(spectrum[6:].sum(), rel=1e-3)


def test_a_clip_and_its_beginning_share_their_latents():
    vae, video = fitted(), smooth_video(1, 13)
    torch.testing.assert_close(vae.encode(video[:, :, :5]), vae.encode(video)[:, :, :2], rtol=1e-5, atol=1e-5)


def test_sizes_follow_the_strides():
    vae = model.PatchVAE()
    assert (vae.channels, vae.spatial_stride, vae.temporal_stride) == (48, 8, 4)
    latents = vae.encode(torch.zeros(2, 3, 9, 64, 48))
    assert latents.shape == (2, 48, 3, 8, 6)
    assert vae.decode(latents).shape == (2, 3, 9, 64, 48)
    assert (vae.latent_frames(41), vae.frames(11)) == (11, 41)


def test_state_and_config_make_an_equal_codec():
    vae = fitted()
    again = model.PatchVAE(vae.config)
    again.load_state_dict(vae.state_dict())
    video = smooth_video(1, 5)
    assert torch.equal(again.encode(video), vae.encode(video))
    borrowed = model.PatchVAE(vae.config, tensors=vae.state_dict())
    assert torch.equal(borrowed.encode(video), vae.encode(video))


@pytest.mark.parametrize("video, error", [
    (torch.zeros(1, 3, 4, 8, 8), r"T = 4k \+ 1 frames, got \(1, 3, 4, 8, 8\)"),
    (torch.zeros(1, 3, 5, 8, 9), "multiples of 4"),
    (torch.zeros(3, 5, 8, 8), r"\(B, 3, T, H, W\)"),
])
def test_videos_that_do_not_fit_are_value_errors(video, error):
    with pytest.raises(ValueError, match=error):
        model.PatchVAE(CONFIG).encode(video)


def test_unknown_config_keys_are_value_errors():
    with pytest.raises(ValueError, match='"colours"'):
        model.PatchVAE({"colours": 3})
