# SPDX-License-Identifier: Apache-2.0
"""Errors of the decoders on random cameras and trajectories: exact, noisy and compressed action images.

    python benchmarks/codec_accuracy.py [--rigs 5] [--frames 41] [--json FILE]

Every condition draws new rigs of two cameras and new trajectories, encodes them, degrades the pictures and decodes them with the
robust decoder and with those of the paper and the release. Mean over all frames; the baselines search from 0.3 to 1.8 m in 512 steps.
H.264 needs the model part, which reads and writes videos; without it that row is left out.
"""
import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

import action_images as aim

METHODS = ("robust", "paper", "release")
CONDITIONS = {  # name: (size, distance [m], standard deviation of the noise [levels], crf)
    "exact": (512, 0.75, 0, None),
    "noise 2/255": (512, 0.75, 2, None),
    "noise 8/255": (512, 0.75, 8, None),
    "H.264, crf 18": (512, 0.75, 0, 18),
    "64 px": (64, 0.75, 0, None),
    "1.3 m away": (512, 1.3, 0, None),
}


def random_rig(random, size, distance, views=2):
    """Cameras at about `distance` that look at about the origin, 30 to 100 degrees apart."""
    cameras = []
    start = random.uniform(0, 2 * np.pi)
    for view in range(views):
        azimuth = start + view * random.uniform(np.radians(30), np.radians(100))
        height = random.uniform(np.radians(15), np.radians(60))
        back = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
        right = np.cross([0, 0, 1], back) / np.linalg.norm(np.cross([0, 0, 1], back))
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(right, back), -back], axis=1)
        pose[:3, 3] = distance * random.uniform(0.95, 1.05) * back + random.uniform(-0.02, 0.02, 3)
        focal = random.uniform(1.0, 1.2) * size * distance / 0.75
        intrinsics = [[focal, 0, size * random.uniform(0.48, 0.52)], [0, focal, size * random.uniform(0.48, 0.52)], [0, 0, 1]]
        cameras.append(aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size))
    return aim.Rig(cameras)


def random_actions(random, frames):
    """A smooth path within a ball of about 6 cm, turning by up to a radian; the openness anything."""
    time = np.linspace(0, 1, frames)[:, None]
    waves = [np.sin(2 * np.pi * (time * random.uniform(0.3, 1.2, 7) + random.uniform(0, 1, 7))) for _ in range(2)]
    wave = (waves[0] + waves[1]) / 2
    actions = np.zeros((frames, 7))
    actions[:, :3] = 0.06 * wave[:, :3]
    actions[:, 3:6] = wave[:, 3:6] * [1.0, 0.8, 1.0] + random.uniform(-1, 1, 3) * [np.pi, 0.4, np.pi]
    actions[:, 6] = np.clip(0.5 + wave[:, 6], 0, 1)
    return actions


def compressed(images, crf):
    from action_images.model import read_video, write_video

    with tempfile.TemporaryDirectory() as folder:
        views = []
        for view, frames in enumerate(images):
            path = Path(folder) / f"{view}.mp4"
            write_video(path, frames, fps=10, crf=crf)
            views.append(read_video(path))
    return np.stack(views)


def degraded(random, images, noise, crf):
    if noise:
        images = np.clip(np.rint(images + random.normal(0, noise, images.shape)), 0, 255).astype(np.uint8)
    return images if crf is None else compressed(images, crf)


def rotation_angles(first, second):
    """Degrees between the rotations of two arrays of Euler angles (T, 3)."""
    angles = []
    for a, b in zip(first, second):
        difference = aim.rotation_from_euler(a).T @ aim.rotation_from_euler(b)
        angles.append(np.degrees(np.arccos(np.clip((np.trace(difference) - 1) / 2, -1, 1))))
    return np.array(angles)


def errors_of(decoded, actions):
    return {
        "position [mm]": 1e3 * np.linalg.norm(decoded.actions[:, :3] - actions[:, :3], axis=1),
        "rotation [deg]": rotation_angles(actions[:, 3:6], decoded.actions[:, 3:6]),
        "openness": np.abs(decoded.actions[:, 6] - actions[:, 6]),
    }


def measure(condition, rigs, frames, methods=METHODS, seed=0):
    """{method: {error: mean}} of one condition."""
    size, distance, noise, crf = CONDITIONS[condition]
    random = np.random.default_rng(seed)
    collected = {method: [] for method in methods}
    for _ in range(rigs):
        rig, actions = random_rig(random, size, distance), random_actions(random, frames)
        images = degraded(random, aim.encode(actions, rig), noise, crf)
        for method in methods:
            collected[method].append(errors_of(aim.decode(images, rig, method=method, near=0.3, far=1.8), actions))
    return {
        method: {name: float(np.nanmean([rows[name] for rows in results])) for name in results[0]}
        for method, results in collected.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rigs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=41)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = {}
    for condition in CONDITIONS:
        try:
            table[condition] = measure(condition, arguments.rigs, arguments.frames, arguments.methods)
        except ImportError as error:
            print(f"{condition:14}  left out: {error}")
            continue
        for method, errors in table[condition].items():
            print(f"{condition:14} {method:8}" + "".join(f"  {name} {value:9.4f}" for name, value in errors.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
