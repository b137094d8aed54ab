# SPDX-License-Identifier: Apache-2.0
"""The codec on torch tensors: batches, any device, a differentiable encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from . import Rig, _model
from ._model import TensorDecoded, TensorRig


def tensor_rig(rig: Rig | TensorRig, device: torch.device | str | None = None) -> TensorRig:
    """The cameras of a rig as float64 tensors on a device (the CPU by default), lenses and motion included.

    Make it once when many calls follow: it copies the cameras to the device. A TensorRig is returned as it is.
    Raises ValueError for anything else.
    """
    if isinstance(rig, TensorRig):
        return rig
    if not isinstance(rig, Rig):
        raise ValueError(
            f"[model::tensor_rig] rig: expected an action_images.Rig or a TensorRig, got {type(rig).__name__}"
        )
    cameras = [[rig.camera(view, time) for time in range(rig.frames)] for view in range(len(rig))]
    distortion = np.zeros((len(rig), rig.frames, 8))
    for view, row in enumerate(cameras):
        for time, camera in enumerate(row):
            distortion[view, time, : len(camera.distortion)] = camera.distortion
    fisheye = np.array([[camera.lens == "fisheye" for camera in row] for row in cameras])
    pinhole = all(camera.lens == "none" for row in cameras for camera in row)
    if not rig.is_moving:
        distortion, fisheye = distortion[:, 0], fisheye[:, 0]
    return TensorRig(
        intrinsics=torch.from_numpy(np.array(rig.intrinsics)).to(device),
        world_from_camera=torch.from_numpy(np.array(rig.world_from_camera)).to(device),
        height=rig.height,
        width=rig.width,
        distortion=None if pinhole else torch.from_numpy(distortion.copy()).to(device),
        fisheye=torch.from_numpy(fisheye.copy()).to(device) if fisheye.any() else None,
    )


def encode_tensor(
    actions: torch.Tensor,
    rig: Rig | TensorRig,
    convention: Literal["paper", "release"] = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
) -> torch.Tensor:
    """Action images (..., V, T, H, W, 3), float in [0, 1], of actions (..., T, 7) float32 or float64, on their device.

    The same pixels as `action_images.encode`, in batches. Gradients flow to the actions and to the tensors of a
    TensorRig. Values are not looked at, so a NaN or an openness outside [0, 1] is not refused. Raises ValueError
    for another shape, dtype or device.
    """
    rig = tensor_rig(rig, actions.device)
    return _model.encode_tensor(actions, rig, convention, sigma, axis_length)


def decode_tensor(
    images: torch.Tensor,
    rig: Rig | TensorRig,
    convention: Literal["paper", "release"] = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    *,
    depth: float | None = None,
    plane: Sequence[float] | None = None,
    min_confidence: float = 0.001,
) -> TensorDecoded:
    """Actions of action images (..., V, T, H, W, 3), uint8 or floating point in [0, 1], V = 1..16, on their device.

    The robust method of `action_images.decode` for all frames at once; results agree with it on drawn images. It looks
    at one blob per view and channel, and does not fill frames that it cannot decode: their pose is NaN. One view needs
    a depth or a plane (a, b, c, d). Raises ValueError for another shape, dtype or device.
    """
    rig = tensor_rig(rig, images.device)
    return _model.decode_tensor(images, rig, convention, sigma, axis_length, depth, plane, min_confidence)
