# SPDX-License-Identifier: Apache-2.0
"""Wan's VAE by itself: streams, tiles, callbacks, names, configs and what it refuses."""

import json

import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

from wan_vae_oracles import SMALL, random_state, with_statistics  # noqa: E402

BOTH = ["2.2 small", "2.1 small"]


def vae_of(name, **changes):
    vae = model.WanVAE({**with_statistics(SMALL[name]), **changes})
    vae.load_state_dict(random_state(vae))
    return vae


def clip(vae, frames, height=2, width=3, batch=1, seed=1):
    stride = vae.spatial_stride
    random = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, frames, height * stride, width * stride, generator=random) * 2.0 - 1.0


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("groups", [[13], [1] * 13, [1, 4, 4, 4], [2, 0, 3, 8], [12, 1]])
def test_any_grouping_of_frames_gives_the_bits_of_the_whole_clip(name, groups):
    vae = vae_of(name)
    video = clip(vae, 13)
    encoder = vae.encoder()
    latents = torch.cat([encoder.push(frames) for frames in video.split(groups, dim=2)], dim=2)
    assert encoder.pending == 0
    assert torch.equal(latents, vae.encode(video))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("groups", [[4], [1, 1, 1, 1], [3, 0, 1], [2, 2]])
def test_any_grouping_of_latent_frames_gives_the_bits_of_the_whole_clip(name, groups):
    vae = vae_of(name)
    latents = torch.randn(1, vae.channels, 4, 2, 3, generator=torch.Generator().manual_seed(2))
    decoder = vae.decoder()
    video = torch.cat([decoder.push(frames) for frames in latents.split(groups, dim=2)], dim=2)
    assert torch.equal(video, vae.decode(latents))


def test_a_stream_returns_what_is_complete():
    vae = vae_of("2.2 small")
    encoder, video = vae.encoder(), clip(vae, 10)
    counts = [(encoder.push(video[:, :, i : i + 1]).shape[2], encoder.pending) for i in range(10)]
    assert counts == [(1, 0), (0, 1), (0, 2), (0, 3), (1, 0), (0, 1), (0, 2), (0, 3), (1, 0), (0, 1)]


def test_a_stream_outlives_its_vae_and_two_streams_do_not_meet():
    vae = vae_of("2.1 small")
    one, two = clip(vae, 5, seed=3), clip(vae, 5, seed=4)
    expected = vae.encode(one), vae.encode(two)
    first, second = vae.encoder(), vae.encoder()
    del vae
    for i in range(5):
        parts = first.push(one[:, :, i : i + 1]), second.push(two[:, :, i : i + 1])
    assert torch.equal(parts[0], expected[0][:, :, 1:]) and torch.equal(parts[1], expected[1][:, :, 1:])


@pytest.mark.parametrize("name", BOTH)
def test_a_clip_and_its_beginning_share_their_latents_and_frames(name):
    vae = vae_of(name)
    video = clip(vae, 9)
    latents = vae.encode(video)
    assert torch.equal(vae.encode(video[:, :, :5]), latents[:, :, :2])
    assert torch.equal(vae.decode(latents[:, :, :2]), vae.decode(latents)[:, :, :5])


@pytest.mark.parametrize("name", BOTH)
def test_a_batch_is_its_clips_one_by_one(name):
    vae = vae_of(name)
    video = clip(vae, 5, batch=2)
    latents = vae.encode(video)
    decoded = vae.decode(latents)
    for i in range(2):
        torch.testing.assert_close(vae.encode(video[i : i + 1]), latents[i : i + 1], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(vae.decode(latents[i : i + 1]), decoded[i : i + 1], rtol=1e-5, atol=1e-5)


def test_a_picture_is_a_clip_of_one_frame():
    vae = vae_of("2.2 small")
    picture = clip(vae, 1)
    assert vae.encode(picture).shape == (1, 6, 1, 2, 3)
    assert vae.decode(vae.encode(picture)).shape == picture.shape


def test_one_tile_is_the_whole_picture():
    vae = vae_of("2.2 small")
    video = clip(vae, 5)
    latents = vae.encode(video)
    assert torch.equal(vae.encode(video, tiled=True), latents)
    assert torch.equal(vae.decode(latents, tiled=True), vae.decode(latents))


@pytest.mark.parametrize("tiled", [False, True])
def test_progress_counts_latent_frames_of_all_tiles_and_can_stop(tiled):
    vae = vae_of("2.1 small")
    video, seen = clip(vae, 5, 2, 4), []
    options = dict(tiled=tiled, tile_size=(2, 3), tile_stride=(2, 1))

    def note(done, total):
        seen.append((done, total))

    latents = vae.encode(video, progress=note, **options)
    total = 4 if tiled else 2
    assert seen == [(i + 1, total) for i in range(total)]
    seen.clear()
    vae.decode(latents, progress=note, **options)
    assert seen == [(i + 1, total) for i in range(total)]
    with pytest.raises(RuntimeError, match="stopped by the progress callback"):
        vae.decode(latents, progress=lambda done, total: False)
    with pytest.raises(ZeroDivisionError):
        vae.encode(video, progress=lambda done, total: 1 / 0)


def test_a_half_precision_network_computes_in_it_and_gives_it():
    vae = model.WanVAE(SMALL["2.2 small"], dtype=torch.bfloat16)
    assert {value.dtype for value in vae.state_dict().values()} == {torch.bfloat16}
    assert vae.encode(clip(vae, 1)).dtype == torch.bfloat16


def test_state_and_config_make_an_equal_vae_and_tensors_can_be_borrowed():
    vae = vae_of("2.1 small")
    video, state = clip(vae, 5), {name: value.contiguous() for name, value in vae.state_dict().items()}
    latents = vae.encode(video)
    again = model.WanVAE(json.loads(json.dumps(vae.config)))
    again.load_state_dict(state)
    assert torch.equal(again.encode(video), latents)
    borrowed = model.WanVAE(vae.config, tensors=state)
    torch.testing.assert_close(borrowed.encode(video), latents, rtol=1e-5, atol=1e-5)
    assert all(value.is_contiguous() for value in state.values())


@pytest.mark.parametrize("name", BOTH)
def test_gradients_reach_parameters_and_inputs_and_leave_the_values(name):
    vae = vae_of(name)
    video = clip(vae, 5, 1, 1)
    latents = vae.encode(video)
    expected = latents, vae.decode(latents, clamp=False)
    vae.requires_grad_()
    given = video.clone().requires_grad_()
    encoded = vae.encode(given)
    decoded = vae.decode(encoded, clamp=False)
    torch.testing.assert_close(encoded, expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(decoded, expected[1], rtol=1e-4, atol=1e-4)
    decoded.square().mean().backward()
    assert given.grad.abs().max() > 0
    assert all(parameter.grad is not None for _, parameter in vae.named_parameters())


def test_published_sizes_are_the_defaults():
    assert model.WanVAE({"dim": 8, "dec_dim": 8}).config["z_dim"] == 48
    two_one = model.WanVAE({"version": "2.1", "dim": 8})
    assert (two_one.channels, two_one.spatial_stride, two_one.temporal_stride) == (16, 8, 4)
    assert two_one.config["dec_dim"] == 8 and two_one.config["mean"][0] == -0.7571
    assert model.WanVAE(SMALL["2.1 small"]).config["std"] == [1.0] * 4


@pytest.mark.parametrize("change, error", [
    ({"version": "3"}, 'version: expected "2.1" or "2.2"'),
    ({"colours": 3}, 'config: expected documented keys only, got "colours"'),
    ({"dim": 2.5}, "config.dim: expected a whole number, got 2.5"),
    ({"dim": 0}, "dim: expected 1 to 65536, got 0"),
    ({"dim_mult": []}, "dim_mult: expected 1 to 8 widths"),
    ({"dim_mult": [1, 2, 4, 8]}, "dim_mult: expected a divisor of 4 at stage 3, got 8"),
    ({"temporal_downsample": [True]}, "temporal_downsample: expected 3 values"),
    ({"attn_scales": [0.5]}, "attn_scales: expected none with version 2.2"),
    ({"mean": [0.0]}, "mean: expected 6 finite numbers, got 1 numbers"),
    ({"std": [0.0] * 6}, "std: expected 6 positive numbers"),
    ({"kind": "patch"}, 'kind: expected "wan"'),
])
def test_configs_that_make_no_network_are_value_errors(change, error):
    with pytest.raises(ValueError) as raised:
        model.WanVAE({**SMALL["2.2 small"], **change})
    assert error in str(raised.value)


def test_inputs_that_do_not_fit_are_value_errors():
    vae = vae_of("2.2 small")
    with pytest.raises(ValueError, match=r"T = 4k \+ 1 frames"):
        vae.encode(torch.zeros(1, 3, 4, 16, 16))
    with pytest.raises(ValueError, match="multiples of 16"):
        vae.encoder().push(torch.zeros(1, 3, 4, 16, 8))
    encoder, decoder = vae.encoder(), vae.decoder()
    encoder.push(torch.zeros(1, 3, 1, 16, 16))
    with pytest.raises(ValueError, match=r"\(B, H, W\) = \(1, 16, 16\) as before, got \(1, 16, 32\)"):
        encoder.push(torch.zeros(1, 3, 1, 16, 32))
    with pytest.raises(ValueError, match=r"\(B, 6, m, h, w\), got \(1, 5, 1, 1, 1\)"):
        decoder.push(torch.zeros(1, 5, 1, 1, 1))
    with pytest.raises(ValueError, match="stride: expected 1 to the size 2, got 3"):
        vae.decode(torch.zeros(1, 6, 1, 4, 4), tiled=True, tile_size=(2, 2), tile_stride=(3, 2))
    with pytest.raises(ValueError, match=r"missing .* unexpected \(1\): nothing"):
        vae.load_state_dict({"nothing": torch.zeros(1)})
