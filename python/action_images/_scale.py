# SPDX-License-Identifier: Apache-2.0
"""Cameras refined with labelled videos."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from ._codec import RefinedRig, Rig, pixels_from_action_images, refine_cameras


def refine_cameras_from_action_images(
    rig: Rig,
    images: ArrayLike,
    actions: ArrayLike,
    convention: str = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    **options: Any,
) -> RefinedRig:
    """`refine_cameras` with the pixels that action images (V, T, H, W, 3) show of known actions (T, 7).

    sigma: of the Gaussians [px], by default 5 % of the shorter side. options: as `refine_cameras` has them.
    """
    pixels = pixels_from_action_images(images, convention, sigma)
    return refine_cameras(rig, pixels, actions, convention, axis_length, **options)
