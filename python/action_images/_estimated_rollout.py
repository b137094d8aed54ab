# SPDX-License-Identifier: Apache-2.0
"""Generation with cameras that were estimated from the pictures: no metre is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from . import Rig, _model, decode
from ._cameras import RELEASED, SceneEstimate, check_views, estimate_scene

WHERE = "model::WorldModel.generate"
OCTAVES = range(-6, 6)  # of the lengths that are tried, about the one that the model was told to draw


def estimated_rig(
    estimate: SceneEstimate | None, views: list[np.ndarray], wanted: int, weights: Any, metres: Mapping[str, Any]
) -> tuple[SceneEstimate, Rig, list[np.ndarray]]:
    """Cameras as the released implementation estimates them, and the pictures or videos that they are of.

    views: (H, W, 3) or (T, H, W, 3) each; of videos the first frames are looked at. wanted: views of the model, 0 for any.
    metres: arguments that tell lengths in metres, which nobody knows here. Raises ValueError if one is given, ShapeError
    for another number of views, and what estimate_scene raises.
    """
    for argument, value in metres.items():
        if value is not None:
            raise ValueError(
                f"[{WHERE}] {argument}: expected none without a rig, since estimated cameras have no metres "
                "(view_actions tells actions in pixels), got one"
            )
    check_views(views, wanted, WHERE)
    first = [view[0] if view.ndim == 4 else view for view in views]
    if estimate is None:
        estimate = estimate_scene(first, weights, **RELEASED)
    elif len(estimate.rig) != len(views):
        raise ValueError(f"[{WHERE}] rig: expected cameras of {len(views)} pictures, got {len(estimate.rig)}")
    return estimate, estimate.rig, _of_one_size(views, estimate.rig)


def _of_one_size(views: list[np.ndarray], rig: Rig) -> list[np.ndarray]:
    """The views as the rig's cameras see them: resized middle squares if their sizes differ."""
    if len({view.shape[-3:-1] for view in views}) == 1:
        return views
    clips = [torch.from_numpy(np.ascontiguousarray(view.reshape(1, -1, *view.shape[-3:]))) for view in views]
    fitted = [_model.center_crop_resize(clip, rig.height, rig.width).numpy()[0] for clip in clips]
    return [clip if view.ndim == 4 else clip[0] for clip, view in zip(fitted, views)]


def in_own_unit(made: dict[str, Any], estimate: SceneEstimate, codec: Mapping[str, Any]) -> dict[str, Any]:
    """What was generated, with its actions read once more by the length that the gripper's axes have in the rig's unit."""
    cameras = {**estimate.settings, "axis_length": None, "metres_per_unit": None, "quality": estimate.quality}
    if made["actions"] is not None and len(made["rig"]) > 1:
        options = {name: codec[name] for name in ("convention", "sigma") if name in codec}
        drawn = codec.get("axis_length", 0.1)
        length = axis_length(made["action_images"], made["rig"], drawn, options)
        if length is not None:
            read = decode(made["action_images"], made["rig"], axis_length=length, **options)
            made = {**made, "actions": read.actions, "points": read.points, "confidence": read.confidence}
            cameras |= {"axis_length": length, "metres_per_unit": drawn / length}
    return {**made, "scene": estimate.scene, "settings": {**made["settings"], "cameras": cameras}}


def axis_length(images: np.ndarray, rig: Rig, drawn: float, options: Mapping[str, Any]) -> float | None:
    """How long the gripper's axes are that action images show, in the rig's unit; None if no length fits them.

    drawn: the length that the model draws [m]; those within a factor of 64 of it are tried.
    """
    best, surest = None, 0.0
    for octave in OCTAVES:
        read = decode(images, rig, axis_length=drawn * 2.0**octave, fill=False, **options)
        sure = float(np.nansum(read.confidence))
        if sure > surest:
            best, surest = read, sure
    for _ in range(2):
        if best is None:
            return None
        length = _median_length(best)
        if length is None:
            return None
        best = decode(images, rig, axis_length=length, fill=False, **options)
    return _median_length(best)


def _median_length(read: Any) -> float | None:
    frames = read.confidence > 0
    axes = np.linalg.norm(read.points[frames][:, 1:] - read.points[frames][:, :1], axis=-1)
    length = float(np.median(axes)) if axes.size else 0.0
    return length if np.isfinite(length) and length > 0 else None
