# SPDX-License-Identifier: Apache-2.0
"""The released pipeline, written out in plain torch with diffsynth's networks, against WorldModel on the same files."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_release  # noqa: E402
import tiny_world  # noqa: E402
from wan_vae_oracles import Diffsynth, diffsynth_vae  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import Tokenizer, WorldModel  # noqa: E402

SIZE, FRAMES, STEPS, GUIDANCE, SEED = tiny_release.SIZE, tiny_release.FRAMES, 4, 7.5, 5
PROMPT = "reach the red block"

pytestmark = pytest.mark.oracle


class CameraAttention(torch.nn.Module):
    """Self-attention with the cameras' embedding added before it and the projector behind it: the release's block."""

    def __init__(self, attention, state, prefix, dim):
        super().__init__()
        self.attention = attention
        pool = tuple(tiny_release.TRANSFORMER["camera_pool"])
        linear = torch.nn.Linear(int(np.prod(pool)), dim)
        self.encoder = torch.nn.Sequential(torch.nn.AdaptiveAvgPool3d(pool), torch.nn.Flatten(2), linear)
        self.projector = torch.nn.Linear(dim, dim)
        for layer, name in ((self.encoder[2], "cam_encoder.2"), (self.projector, "projector")):
            layer.weight.data, layer.bias.data = (state[f"{prefix}.{name}.{kind}"] for kind in ("weight", "bias"))
        self.camera = None

    def forward(self, x, freqs):
        embedded = self.encoder(self.camera)  # (B, T, dim) of (B, T, C, H, W)
        tokens = embedded.repeat_interleave(x.shape[1] // embedded.shape[1], dim=1)
        return self.projector(self.attention(x + tokens, freqs))


@pytest.fixture(scope="module")
def networks():
    diffsynth_vae()  # which makes diffsynth importable
    from diffsynth.models.wan_video_dit import WanModel
    from diffsynth.models.wan_video_text_encoder import WanTextEncoder

    state = tiny_release.weights()
    names = ("dim", "in_dim", "out_dim", "ffn_dim", "text_dim", "freq_dim", "num_heads", "num_layers")
    sizes = {name: tiny_release.TRANSFORMER[name] for name in names}
    dit = WanModel(has_image_input=False, eps=1e-6, patch_size=(1, 2, 2), **sizes)
    dit.load_state_dict(tiny_release.without_cameras(state["transformer"]))
    for index, block in enumerate(dit.blocks):
        block.self_attn = CameraAttention(block.self_attn, state["transformer"], f"blocks.{index}", sizes["dim"])
    text = WanTextEncoder(**tiny_release.TEXT, dropout=0.0).eval()
    text.load_state_dict(state["text"])
    z = tiny_release.VAE["z_dim"]
    vae = Diffsynth({**tiny_release.VAE, "mean": [0.0] * z, "std": [1.0] * z}, state["vae"])
    return dit.eval(), text, vae


def rig():
    return aim.Rig([tiny_world.camera_at(place, SIZE) for place in ((0.6, 0.5, 0.6), (0.6, -0.5, 0.6))])


def pictures():
    return list(np.random.default_rng(3).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8))


def rays(cameras):
    """Direction and moment / 3 (6, H, W) of every camera, in the frame of the first, as in the release's training.

    Its cameras have negative focal lengths: x and y of a camera's axes are the other way round.
    """
    mirror = np.diag([-1.0, -1.0, 1.0, 1.0])
    reference = np.linalg.inv(cameras[0].world_from_camera @ mirror)
    u, v = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    maps = []
    for camera in cameras:
        pose, k = reference @ camera.world_from_camera @ mirror, camera.intrinsics
        local = np.stack([(u - k[0, 2]) / -k[0, 0], (v - k[1, 2]) / -k[1, 1], np.ones_like(u)])
        direction = np.einsum("ij,jhw->ihw", pose[:3, :3], local / np.linalg.norm(local, axis=0))
        moment = np.cross(np.broadcast_to(pose[:3, 3], (SIZE, SIZE, 3)), direction.transpose(1, 2, 0))
        maps.append(np.concatenate([direction, moment.transpose(2, 0, 1) / 3.0]))
    return torch.from_numpy(np.stack(maps)).float()


def encoded_prompts(text):
    tokenizer = Tokenizer(tiny_release.TOKENIZER)
    states = []
    for prompt in (PROMPT, ""):
        ids, mask = tokenizer.encode(prompt, 512)
        encoded = text(ids, mask)
        encoded[:, int(mask.sum()) :] = 0
        states.append(encoded)
    return states


@torch.no_grad()
def released_latents(networks, task):
    """The packed latents (C, T, h, w) that the released pipeline ends with."""
    from diffsynth.pipelines.wan_video_new import model_fn_wan_video
    from diffsynth.schedulers.flow_match import FlowMatchScheduler

    dit, text, vae = networks
    conditional, unconditional = encoded_prompts(text)
    still = torch.stack([torch.from_numpy(picture).permute(2, 0, 1) for picture in pictures()]) / 127.5 - 1.0
    video = torch.zeros(2, 3, FRAMES, SIZE, SIZE)
    video[:, :, 0] = still
    empty = torch.tensor([-1.0, -1.0, -0.5]).view(1, 3, 1, 1, 1).expand(1, 3, FRAMES, SIZE, SIZE)  # open, far outside
    action = vae.encode(empty)
    segments, cameras = [], []
    for view, rays_of_view in enumerate(rays(rig())):
        moving = rays_of_view.unsqueeze(1).expand(6, FRAMES, SIZE, SIZE)[None]
        camera = torch.cat([vae.encode(moving[:, :3].contiguous()), vae.encode(moving[:, 3:].contiguous())], 1)
        of_view = [vae.encode(video[view : view + 1]), *([action] if task == "i2va" else [])]
        segments += of_view
        cameras += [camera] * len(of_view)
    latents, length = torch.cat(segments, 2), segments[0].shape[2]
    given = torch.zeros(1, 1, len(segments) * length, 1, 1, dtype=torch.bool)
    given[:, :, ::length] = True
    for block in dit.blocks:
        block.self_attn.camera = torch.cat(cameras, 2).transpose(1, 2)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(SEED))
    latents = torch.where(given, latents, noise)
    scheduler = FlowMatchScheduler(shift=5, sigma_min=0.0, extra_one_step=True)
    scheduler.set_timesteps(STEPS, shift=5.0)
    for step in scheduler.timesteps:
        def velocity(context, step=step):
            return model_fn_wan_video(dit, latents=latents, timestep=step.unsqueeze(0), context=context)

        negative = velocity(unconditional)
        guided = negative + GUIDANCE * (velocity(conditional) - negative)
        latents = torch.where(given, latents, scheduler.step(guided, step, latents))
    return latents[0]


@pytest.mark.parametrize("task", ["i2va", "i2v"])
def test_the_whole_pipeline_ends_with_the_released_latents(networks, task, tmp_path):
    checkpoint = tiny_release.write_release(tmp_path)
    model = WorldModel.load(checkpoint, checkpoints=tmp_path / "checkpoints", config=tiny_release.WORLD)
    rollout = model.generate(pictures(), PROMPT, rig=rig(), task=task, steps=STEPS, guidance=GUIDANCE, seed=SEED)
    expected = released_latents(networks, task)
    assert rollout.latents.shape == expected.shape
    error = (rollout.latents - expected).abs().max() / expected.abs().max()
    assert error <= 1e-4, float(error)


def test_cameras_count_as_much_as_the_text(networks):
    """Otherwise the test above would prove little of them."""
    dit, _, _ = networks
    before = released_latents(networks, "i2v")
    for block in dit.blocks:
        block.self_attn.encoder[2].weight.data.mul_(-1)
    try:
        assert (released_latents(networks, "i2v") - before).abs().max() > 0.05 * before.abs().max()
    finally:
        for block in dit.blocks:
            block.self_attn.encoder[2].weight.data.mul_(-1)
