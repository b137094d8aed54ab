# SPDX-License-Identifier: Apache-2.0
"""A data set of one's own: made-up episodes, written in the native layout and read in clips.

    python examples/custom_dataset.py FOLDER
"""

from __future__ import annotations

import sys

import numpy as np

import action_images as aim
from action_images import data


class Wandering(data.Episodes):
    """Two cameras see a square that wanders over a grey table, and the gripper above it."""

    name = "wandering square"

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> data.Episode:
        rng = np.random.default_rng(index)
        ends = rng.uniform(-0.15, 0.15, (2, 2))
        way = ends[0] + np.linspace(0, 1, 24)[:, None] * (ends[1] - ends[0])  # (T, 2) [m]
        actions = np.zeros((24, 7))
        actions[:, :2], actions[:, 2], actions[:, 6] = way, 0.02, 1.0
        views = [data.EpisodeView(camera, draw(camera, way), name=name) for name, camera in cameras().items()]
        return data.Episode(views, texts=["follow the square"], actions=actions, frame_rate=12, name=f"square {index}")


def cameras() -> dict[str, aim.Camera]:
    """Two cameras above the table that look straight down (OpenCV's axes)."""
    intrinsics = [[110, 0, 48], [0, 110, 36], [0, 0, 1]]
    made = {}
    for name, x in (("left", -0.1), ("right", 0.1)):
        pose = np.diag([1.0, -1.0, -1.0, 1.0])
        pose[:3, 3] = [x, 0.0, 0.6]
        made[name] = aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=96, height=72)
    return made


def draw(camera: aim.Camera, way: np.ndarray) -> np.ndarray:
    """Pictures (T, 72, 96, 3) uint8 of a square of 4 cm."""
    pictures = np.full((len(way), 72, 96, 3), 128, np.uint8)
    inverse = np.linalg.inv(camera.world_from_camera)
    for picture, (x, y) in zip(pictures, way):
        corners = np.array([[x + dx, y + dy, 0, 1] for dx in (-0.02, 0.02) for dy in (-0.02, 0.02)])
        seen = (inverse @ corners.T)[:3]
        pixels = (np.asarray(camera.intrinsics) @ seen / seen[2])[:2]
        (left, top), (right, bottom) = np.floor(pixels.min(1)).astype(int), np.ceil(pixels.max(1)).astype(int)
        picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = (200, 60, 40)
    return pictures


def main(folder: str) -> None:
    data.write_native(Wandering(4), folder)
    sampler = data.ClipSampler([(folder, 1.0)], frames=9, size=(64, 64), views=2, seed=1)
    for sample in data.ClipLoader(sampler, range(3)):
        print(f"{sample.text!r}: video {sample.video.shape}, actions {sample.actions.shape}, {sample.rig}")
    report = data.check_source(folder)
    print(f"{report['episodes']} episodes, {report['frames']} frames, {len(report['bad'])} bad")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "out/wandering")
