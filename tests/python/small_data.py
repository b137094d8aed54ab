# SPDX-License-Identifier: Apache-2.0
"""Small episodes for the tests of data: a gripper that moves over a table, seen by two cameras."""

import numpy as np
from action_images import Camera
from action_images.data import Episode, EpisodeView

SIZE = (48, 64)  # height, width [px]
NAMES = ("front", "side")


def camera(angle, height=SIZE[0], width=SIZE[1]):
    """A camera 0.8 m from the origin at an angle [rad] about z, 0.4 m above it, that looks at (0, 0, 0.1)."""
    position = np.array([0.8 * np.cos(angle), 0.8 * np.sin(angle), 0.5])
    forward = np.array([0.0, 0.0, 0.1]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    focal = 1.2 * width
    return Camera(
        intrinsics=[[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]],
        world_from_camera=pose,
        width=width,
        height=height,
    )


def actions(frames, seed=0):
    """(T, 7) of a smooth motion around the origin; the gripper closes half way."""
    time = np.linspace(0.0, 1.0, frames)
    phase = 0.7 * seed
    position = np.stack([0.1 * np.sin(3 * time + phase), 0.1 * np.cos(2 * time + phase), 0.1 + 0.05 * time], axis=1)
    angles = np.stack([np.pi - 0.2 * time, 0.3 * time - 0.1, 0.5 * time + 0.1 * seed], axis=1)
    return np.concatenate([position, angles, (time < 0.5).astype(float)[:, None]], axis=1)


def pictures(frames, seed=0, size=SIZE):
    """(T, H, W, 3) uint8: a gradient that moves; frame t can be told from its mean."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    base = np.stack([rows * 2, columns * 2, np.full(size, 40 * seed % 200)], axis=-1)
    moving = np.arange(frames)[:, None, None, None] * 4
    return np.clip(base[None] + moving, 0, 255).astype(np.uint8)


def episode(frames=9, seed=0, *, moving=False, with_actions=True, frame_rate=10.0, text="move the block", size=SIZE):
    """An episode of two views; with `moving` the second camera turns round the scene."""
    views = []
    for number, name in enumerate(NAMES):
        cameras = camera(0.4 + number, *size)
        if moving and number:
            cameras = [camera(0.4 + number + 0.02 * time, *size) for time in range(frames)]
        views.append(EpisodeView(cameras, pictures(frames, seed + number, size), name=name))
    given = actions(frames, seed) if with_actions else None
    return Episode(views, texts=[text], actions=given, frames=frames, frame_rate=frame_rate, name=f"episode {seed}")
