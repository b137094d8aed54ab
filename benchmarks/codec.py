# SPDX-License-Identifier: Apache-2.0
"""Encoding and decoding action images against the same equations in vectorised numpy, side by side in one run.

    python benchmarks/codec.py [--frames 41] [--size 512] [--repeats 7]

Both encode to uint8 (V, T, H, W, 3). The numpy decoder is the paper's: a heat-weighted centroid in the main view and the best
of K points on its ray in the side view (Eq. 8-9). Everything runs on one thread; medians of alternating calls.
"""
import argparse
import statistics
import time

import numpy as np

import action_images as aim


def make_rig(size):
    intrinsics = [[1.1 * size, 0, size / 2], [0, 1.1 * size, size / 2], [0, 0, 1]]
    cameras = []
    for angle in (-0.5, 0.5):
        pose = np.eye(4)
        pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        pose[:3, 3] = pose[:3, :3] @ [0, 0, -0.75]
        cameras.append(aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size))
    return aim.Rig(cameras)


def draw_actions(frames, random):
    actions = np.zeros((frames, 7))
    actions[:, :3] = random.uniform(-0.08, 0.08, (frames, 3))
    actions[:, 3:6] = random.uniform(-1.0, 1.0, (frames, 3))
    actions[:, 6] = 1.0
    return actions


def pixels_of(points, intrinsics, world_from_camera):
    in_camera = (points - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
    in_image = in_camera @ intrinsics.T
    return in_image[..., :2] / in_image[..., 2:]


def numpy_encode(actions, rig):
    points = aim.action_points(actions)
    size, sigma = rig.width, 0.05 * rig.width
    centres = np.arange(size, dtype=np.float32) + 0.5
    views = []
    for camera in rig:
        pixels = pixels_of(points, camera.intrinsics, camera.world_from_camera).astype(np.float32)
        squared = ((centres - pixels[..., 1:]) ** 2)[..., :, None] + ((centres - pixels[..., :1]) ** 2)[..., None, :]
        heat = np.exp(-squared / (2 * sigma**2))
        background = np.float32(0.25) * actions[:, 6].astype(np.float32)[:, None, None]
        heat[:, 2] = np.where(heat[:, 2] > 0.25, heat[:, 2], background)
        views.append((heat.transpose(0, 2, 3, 1) * 255 + 0.5).astype(np.uint8))
    return np.stack(views)


def numpy_decode(images, rig, near=0.3, far=1.3, samples=512):
    heat = images.astype(np.float32) / 255
    heat[..., 2] = np.where(heat[..., 2] > 0.26, heat[..., 2], 0)
    centres = np.arange(rig.width, dtype=np.float32) + 0.5
    main, side = rig[0], rig[1]
    total = heat[0].sum((1, 2)) + 1e-9
    u = (heat[0].sum(1) * centres[:, None]).sum(1) / total
    v = (heat[0].sum(2) * centres[:, None]).sum(1) / total
    homogeneous = np.stack([u, v, np.ones_like(u)], -1)
    directions = homogeneous @ np.linalg.inv(main.intrinsics).T @ main.world_from_camera[:3, :3].T
    depths = np.linspace(near, far, samples)
    candidates = main.world_from_camera[:3, 3] + directions[..., None, :] * depths[:, None]
    pixels = pixels_of(candidates, side.intrinsics, side.world_from_camera) - 0.5
    nearest = np.clip(np.rint(pixels), 0, rig.width - 1).astype(int)
    time_index, channel = np.arange(len(u))[:, None, None], np.arange(3)[None, :, None]
    best = heat[1][time_index, nearest[..., 1], nearest[..., 0], channel].argmax(-1)
    return np.take_along_axis(candidates, best[..., None, None], 2)[:, :, 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=41)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    rig, random = make_rig(arguments.size), np.random.default_rng(0)
    out = np.empty((2, arguments.frames, arguments.size, arguments.size, 3), np.uint8)
    calls = {
        "encode": lambda actions, images: aim.encode(actions, rig, out=out),
        "encode, numpy": lambda actions, images: numpy_encode(actions, rig),
        "decode": lambda actions, images: aim.decode(images, rig),
        "decode, numpy": lambda actions, images: numpy_decode(images, rig),
    }
    seconds = {name: [] for name in calls}
    errors = {"decode": [], "decode, numpy": []}
    for repeat in range(arguments.repeats + 1):
        actions = draw_actions(arguments.frames, random)
        images = aim.encode(actions, rig)
        for name, call in calls.items():
            start = time.perf_counter()
            result = call(actions, images)
            if repeat > 0:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
            if name in errors:
                positions = result.points[:, 0] if name == "decode" else result[:, 0]
                errors[name].append(np.linalg.norm(positions - actions[:, :3], axis=1).mean() * 1e3)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{arguments.frames} frames, 2 views, {arguments.size} px, one thread")
    for name in ("encode", "decode"):
        ours, numpy = median[name], median[f"{name}, numpy"]
        print(f"{name}: {1e3 * ours:7.1f} ms   numpy {1e3 * numpy:7.1f} ms   ratio {numpy / ours:5.1f}")
    for name, values in errors.items():
        print(f"{name}: mean position error {np.mean(values):.4f} mm")


if __name__ == "__main__":
    main()
