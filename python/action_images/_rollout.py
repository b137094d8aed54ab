# SPDX-License-Identifier: Apache-2.0
"""What a world model generated; `action_images.model` is its face."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import Rig

if TYPE_CHECKING:
    import torch

    from .point_cloud import PointCloud


@dataclass(frozen=True, repr=False, eq=False)
class Rollout:
    """What a world model generated: V views, T frames, H x W pixels of the model's size.

    What a task does not make is None: `action_images`, `actions`, `points` and `confidence` for i2v. i2a makes no
    video: `video` then holds the given first pictures, and all fields have the views of `action_views`. One view alone
    has no depth: its `actions` are NaN, with confidence 0, unless they were given.
    """

    video: np.ndarray
    """(V, T, H, W, 3) uint8; i2a: (V, 1, H, W, 3)"""
    action_images: np.ndarray | None
    """(V, T, H, W, 3) uint8"""
    actions: np.ndarray | None
    """(T, 7): x y z [m], ex ey ez [rad, fixed axes xyz], openness [0, 1]; in the frame of the rig's world"""
    points: np.ndarray | None
    """(T, 3, 3): position, normal, up; x y z in world [m]"""
    confidence: np.ndarray | None
    """(T,), 0..1; 0: could not be decoded, the action is interpolated (or NaN)"""
    rig: Rig
    """The cameras of the generated pictures"""
    prompt: str
    task: str
    settings: dict[str, Any]
    """Everything that decides the result: model, seed, steps, guidance, solver, convention, ...; and `steps_evaluated`
    and `steps_reused`, of which the last are steps that a lossy `step_cache` spared"""
    timings: dict[str, float]
    """Seconds of each stage"""
    scene: PointCloud | None = None
    """What the pictures show, where their cameras were estimated; in the rig's frame and unit"""
    latents: torch.Tensor | None = None
    """(C, T_l, h, w) float32: what was sampled and given, one latent frame after another as the network sees them"""

    def save(self, folder: str | os.PathLike, *, goal: Any = None, blocks: Sequence[Mapping] = ()) -> list[str]:
        """Writes mp4s, trajectory.csv, trajectory.ply, scene.glb (and scene.ply, if there are points), rollout.json,
        contact_sheet.png and report.html into `folder`, all or none.

        goal (3,) [m] and blocks ({"color", "center" (3,)}, ...): the truth, where it is known, to be shown beside it.
        Returns the names of the files. Raises ValueError naming the folder if it cannot be written, ImportError if
        trimesh is missing.
        """
        from .presentation import save_rollout

        return save_rollout(folder, {**vars(self), "goal": goal, "blocks": blocks})

    def __repr__(self) -> str:
        views, frames, height, width, _ = (self.video if self.action_images is None else self.action_images).shape
        return f"Rollout({self.task}, {self.prompt!r}: {views} views, {frames} frames, {height} x {width} px)"

    def _repr_html_(self) -> str:
        """The contact sheet and a player, in notebooks."""
        from .presentation.notebook import rollout_html

        return rollout_html(self)

    def _repr_png_(self) -> bytes:
        """The contact sheet, where a notebook is exported to a format without HTML."""
        from .presentation.notebook import rollout_png

        return rollout_png(self)
