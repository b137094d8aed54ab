# SPDX-License-Identifier: Apache-2.0
"""A world model of a few thousand random weights, and a scene for it: made in a second, without a simulator."""

import json
import pathlib
import shutil

import numpy as np

import action_images as aim

TOKENIZER = pathlib.Path(__file__).parents[2] / "python/action_images/models/embedded/tokenizer.model"
VIEWS, FRAMES, SIZE = 2, 5, 32
CHANNELS = 8

CONFIG = {
    "name": "tiny",
    "views": VIEWS,
    "frames": FRAMES,
    "height": SIZE,
    "width": SIZE,
    "prediction": "sample_residual",
    "unknown_first_action": "generate",
    "condition_channels": True,
    "sampling": {"steps": 2, "shift": 3.0, "guidance": 1.0},
    "codec": {"convention": "paper", "sigma": 3.0, "axis_length": 0.1},
    "tokenizer": {"length": 12, "lower_case": True},
    "transformer": {
        "dim": 24, "in_dim": 3 * CHANNELS + 2, "ffn_dim": 32, "out_dim": CHANNELS, "text_dim": 16, "freq_dim": 16,
        "num_heads": 2, "num_layers": 1, "camera_channels": 2 * CHANNELS, "camera_pool": [2 * CHANNELS, 2, 2],
    },
    "text_encoder": {
        "vocab": 160, "dim": 16, "dim_attn": 16, "dim_ffn": 16, "num_heads": 2, "num_layers": 1, "num_buckets": 8
    },
    "vae": {"kind": "patch", "channels": CHANNELS, "spatial_patch": 8, "temporal_patch": 4},
}  # fmt: skip


def write_model(folder, config=CONFIG, seed=0):
    """Writes a model folder with random weights, the VAE's not trivial; returns the folder as a Path."""
    import torch

    from action_images import model

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vae_config = {key: value for key, value in config["vae"].items() if key != "kind"}
    networks = {
        "transformer.": model.WanTransformer(config["transformer"]),
        "text_encoder.": model.UMT5Encoder(config["text_encoder"]),
        "vae.": model.PatchVAE(vae_config),
    }
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for prefix, network in networks.items():
        network.initialize(seed)
        for name, tensor in network.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator)
            tensors[prefix + name] = (tensor + 0.02 * noise).contiguous()
    model.save_tensors(folder / "model.safetensors", tensors)
    shutil.copy(TOKENIZER, folder / "tokenizer.model")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def camera_at(position, size=SIZE):
    """Camera at `position` [m] that looks at the origin."""
    forward = -np.asarray(position) / np.linalg.norm(position)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    world_from_camera = np.eye(4)
    world_from_camera[:3] = np.stack([right, np.cross(forward, right), forward, position], axis=1)
    intrinsics = [[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=world_from_camera, width=size, height=size)


def rig():
    return aim.Rig([camera_at((0.6, 0.5, 0.6)), camera_at((0.6, -0.5, 0.6))])


def pictures(frames=None, seed=0):
    """One random picture per view, or a video of so many frames."""
    shape = (SIZE, SIZE, 3) if frames is None else (frames, SIZE, SIZE, 3)
    return list(np.random.default_rng(seed).integers(0, 256, (VIEWS, *shape), dtype=np.uint8))


def actions(frames=FRAMES):
    """A motion (T, 7) that all cameras see."""
    time = np.linspace(0, 1, frames)[:, None]
    return np.hstack([time * [0.08, 0.02, 0.1], time * [0, 0.2, 0] + [3.0, 0, 0], 1 - time])


def write_scene(folder):
    """Writes what `action-images scene` writes, without a simulator; returns the folder as a Path."""
    from PIL import Image

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for view, picture in enumerate(pictures()):
        Image.fromarray(picture).save(folder / f"view_{view}.png")
    aim.save_rig(rig(), folder / "rig.json")
    aim.save_trajectory(actions(), folder / "actions.csv")
    blocks = [
        {"color": color, "goal": [0.1 * index, 0.0, 0.05], "center": [0.1 * index, 0.0, 0.025], "yaw": 0.0}
        for index, color in enumerate(("red", "green", "blue"))
    ]
    scene = {
        "format": "action-images-scene", "version": 1, "instruction": "reach the green block", "target": "green",
        "goal": blocks[1]["goal"], "blocks": blocks, "seed": 0, "domain": "eval",
    }  # fmt: skip
    (folder / "scene.json").write_text(json.dumps(scene))
    return folder
