# SPDX-License-Identifier: Apache-2.0
"""Small synthetic episodes for the tests of data sets: pictures that say their view and frame, cameras, actions."""

from __future__ import annotations

import numpy as np

from action_images import Camera
from action_images.data import Episode, EpisodeView


def pictures(frames: int, height: int, width: int, view: int = 0) -> np.ndarray:
    """(T, H, W, 3) uint8, smooth; red grows with the frame, green with x, blue with y and the view."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    colours = np.stack([(7 * t + 20) % 256, 40 + x * 2, 60 + y * 2 + 30 * view], axis=-1)
    return colours.clip(0, 255).astype(np.uint8)


def camera(height: int, width: int, view: int = 0, time: int = 0) -> Camera:
    """A camera half a metre from the origin that looks at it; it moves with time."""
    pose = np.eye(4)
    pose[:3, 3] = [0.1 * view + 0.001 * time, 0.0, -0.5]
    return Camera(
        intrinsics=[[width * 1.2, 0, width / 2], [0, width * 1.2, height / 2], [0, 0, 1]],
        world_from_camera=pose,
        width=width,
        height=height,
    )


def actions(frames: int) -> np.ndarray:
    """(T, 7): a slow way through the picture's middle while the gripper closes."""
    t = np.linspace(0, 1, frames)
    zero = np.zeros(frames)
    return np.stack([0.05 * t, 0.02 - 0.04 * t, zero, 0.1 * t, zero, 0.2 * t, 1 - t], axis=1)


def episode(
    frames: int = 12,
    sizes: tuple[tuple[int, int], ...] = ((24, 32), (24, 32)),
    name: str = "made up",
    moving: bool = False,
    with_actions: bool = True,
) -> Episode:
    """An episode in memory with a view of every size."""
    views = [
        EpisodeView(
            [camera(height, width, view, time) for time in range(frames)] if moving else camera(height, width, view),
            pictures(frames, height, width, view),
            name=f"cam{view}",
        )
        for view, (height, width) in enumerate(sizes)
    ]
    texts = ["reach the red block", "go to the red block"]
    return Episode(views, texts=texts, actions=actions(frames) if with_actions else None, frame_rate=15.0, name=name)
