# SPDX-License-Identifier: Apache-2.0
"""The tiny VGGT of tests/data as a checkpoint on disk, and pictures for it."""

import json
import pathlib

import numpy as np

DATA = pathlib.Path(__file__).parents[1] / "data"


def config():
    return json.loads((DATA / "vggt_tiny.json").read_text())["config"]


def tensors():
    """Float32 weights under the published names."""
    import torch

    with np.load(DATA / "vggt_tiny.npz") as arrays:
        return {name[2:]: torch.from_numpy(arrays[name]).float() for name in arrays.files if name.startswith("w/")}


def steady_tensors():
    """The same, but for a camera head that sees about 60 degrees from about the origin in any picture."""
    values = tensors()
    values["camera_head.pose_branch.fc2.weight"] *= 0.05
    values["camera_head.pose_branch.fc2.bias"][:] = 0.0
    values["camera_head.pose_branch.fc2.bias"][6:] = 0.25  # the sum of four iterations
    return values


def golden(scene):
    """{name: array} of the scene "two" (56 x 70 pixels) or "three" (70 x 70)."""
    with np.load(DATA / "vggt_tiny.npz") as arrays:
        return {name.split("/")[1]: arrays[name] for name in arrays.files if name.startswith(f"{scene}/")}


def pictures(scene):
    """The scene's pictures, (H, W, 3) uint8 each."""
    return list(np.ascontiguousarray(golden(scene)["images_u8"].transpose(0, 2, 3, 1)))


def write_weights(path, values=None):
    """A file as published: .safetensors or .pt, with a tracking head. Returns the path."""
    import torch

    from action_images import model

    values = {**(tensors() if values is None else values), "track_head.x": torch.zeros(2)}
    if path.suffix == ".safetensors":
        model.save_tensors(path, values)
    else:
        torch.save(values, path)
    return path
