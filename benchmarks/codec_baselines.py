# SPDX-License-Identifier: Apache-2.0
"""The codec's equations in numpy and torch, as one would write them: what benchmarks/codec.py compares with.

`*_numpy` are vectorised over frames, in float32. `*_loops_*` are written like the released implementation: frame by frame and
point by point, over whole pictures. Rigs have two views or more and square pictures, conventions are the paper's.
"""
import numpy as np

import action_images as aim


def pixels_of(points, camera):
    """Pixels (..., 2) of world points (..., 3)."""
    in_camera = (points - camera.world_from_camera[:3, 3]) @ camera.world_from_camera[:3, :3]
    in_image = in_camera @ camera.intrinsics.T
    return in_image[..., :2] / in_image[..., 2:]


def levels(heat, openness, xp=np):
    """Red, green and blue heat (..., 3, H, W) with the background, as values 0..255 to be cut off."""
    background = 0.25 * openness[:, None, None]
    heat[:, 2] = xp.where(heat[:, 2] > 0.25, heat[:, 2], background)
    return heat * 255 + 0.5


def encode_numpy(actions, rig, dtype=np.float32):
    points, sigma = aim.action_points(actions), 0.05 * rig.width
    centres = np.arange(rig.width, dtype=dtype) + dtype(0.5)
    views = []
    for camera in rig:
        pixels = pixels_of(points, camera).astype(dtype)
        squared = ((centres - pixels[..., 1:]) ** 2)[..., :, None] + ((centres - pixels[..., :1]) ** 2)[..., None, :]
        heat = np.exp(-squared / dtype(2 * sigma**2))
        views.append(levels(heat, actions[:, 6].astype(dtype)).transpose(0, 2, 3, 1).astype(np.uint8))
    return np.stack(views)


def encode_loops_numpy(actions, rig):
    points, sigma = aim.action_points(actions), 0.05 * rig.width
    images = []
    for camera in rig:
        for frame, action in zip(points, actions):
            channels = []
            for u, v in pixels_of(frame, camera):
                y, x = np.meshgrid(np.arange(rig.height) + 0.5, np.arange(rig.width) + 0.5, indexing="ij")
                channels.append(np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)))
            heat = levels(np.stack(channels)[None], action[None, 6])[0]
            images.append(heat.transpose(1, 2, 0).astype(np.uint8))
    return np.stack(images).reshape(len(rig), len(actions), rig.height, rig.width, 3)


def encode_loops_torch(actions, rig):
    import torch

    points, sigma = aim.action_points(actions), 0.05 * rig.width
    images = []
    for camera in rig:
        for frame, action in zip(points, actions):
            channels = []
            for u, v in pixels_of(frame, camera):
                axes = torch.arange(rig.height) + 0.5, torch.arange(rig.width) + 0.5
                y, x = torch.meshgrid(*axes, indexing="ij")
                channels.append(torch.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)))
            heat = levels(torch.stack(channels)[None], torch.tensor(action[None, 6], dtype=torch.float32), torch)[0]
            images.append(heat.permute(1, 2, 0).to(torch.uint8))
    return torch.stack(images).reshape(len(rig), len(actions), rig.height, rig.width, 3).numpy()


def heat_of(images):
    """Responses of the three points; what belongs to the blue background is taken away."""
    heat = images.astype(np.float32) / 255
    heat[..., 2] = np.where(heat[..., 2] > 0.26, heat[..., 2], 0)
    return heat


def candidates_of(heat, camera, near, far, samples):
    """Points (T, 3, K, 3) on the rays of the heat-weighted centroids of the main view (paper Eq. 8)."""
    centres = np.arange(heat.shape[2], dtype=np.float32) + 0.5
    total = heat.sum((1, 2)) + 1e-9
    u = (heat.sum(1) * centres[:, None]).sum(1) / total
    v = (heat.sum(2) * centres[:, None]).sum(1) / total
    homogeneous = np.stack([u, v, np.ones_like(u)], -1)
    directions = homogeneous @ np.linalg.inv(camera.intrinsics).T @ camera.world_from_camera[:3, :3].T
    return camera.world_from_camera[:3, 3] + directions[..., None, :] * np.linspace(near, far, samples)[:, None]


def decode_numpy(images, rig, near=0.3, far=1.3, samples=512):
    """The paper's decoder: the best response in the side view (Eq. 9). Positions (T, 3)."""
    heat = heat_of(images)
    candidates = candidates_of(heat[0], rig[0], near, far, samples)
    nearest = np.clip(np.rint(pixels_of(candidates, rig[1]) - 0.5), 0, rig.width - 1).astype(int)
    time, channel = np.arange(len(candidates))[:, None, None], np.arange(3)[None, :, None]
    best = heat[1][time, nearest[..., 1], nearest[..., 0], channel].argmax(-1)
    return np.take_along_axis(candidates, best[..., None, None], 2)[:, 0, 0]


def bilinear(heat, pixels):
    """Samples of pictures (T, H, W, 3) at pixels (T, 3, K, 2), clamped to the picture."""
    height, width = heat.shape[1:3]
    place = np.clip(pixels - 0.5, 0, [width - 1, height - 1])
    low = np.minimum(place.astype(int), [width - 2, height - 2])
    (fx, fy), (x, y) = np.moveaxis(place - low, -1, 0), np.moveaxis(low, -1, 0)
    time, channel = np.arange(len(heat))[:, None, None], np.arange(3)[None, :, None]
    top = heat[time, y, x, channel] * (1 - fx) + heat[time, y, x + 1, channel] * fx
    bottom = heat[time, y + 1, x, channel] * (1 - fx) + heat[time, y + 1, x + 1, channel] * fx
    return top * (1 - fy) + bottom * fy


def decode_release_numpy(images, rig, near=0.5, far=1.0, samples=512):
    """The release's decoder: the largest product over all views of bilinear samples. Positions (T, 3)."""
    heat = heat_of(images)
    candidates = candidates_of(heat[0], rig[0], near, far, samples)
    scores = np.prod([bilinear(view, pixels_of(candidates, camera)) for view, camera in zip(heat, rig)], axis=0)
    return np.take_along_axis(candidates, scores.argmax(-1)[..., None, None], 2)[:, 0, 0]


def plucker_numpy(rig, dtype=np.float32):
    """Rays (V, T, H, W, 6) of a rig that moves."""
    x, y = np.arange(rig.width, dtype=dtype) + dtype(0.5), np.arange(rig.height, dtype=dtype) + dtype(0.5)
    pixels = np.stack([*np.meshgrid(x, y), np.ones((rig.height, rig.width), dtype)], -1)
    rays = np.empty((len(rig), rig.frames, rig.height, rig.width, 6), dtype)
    for view in range(len(rig)):
        poses = rig.world_from_camera[view]
        matrices = poses[:, :3, :3] @ np.linalg.inv(rig.intrinsics[view])
        directions = np.matmul(pixels.reshape(-1, 3), matrices.transpose(0, 2, 1).astype(dtype))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        moments = np.cross(poses[:, None, :3, 3].astype(dtype), directions)
        shape = (rig.frames, rig.height, rig.width, 3)
        rays[view, ..., :3], rays[view, ..., 3:] = directions.reshape(shape), moments.reshape(shape)
    return rays


def plucker_loops_torch(rig):
    import torch

    rays = []
    for view in range(len(rig)):
        for pose, intrinsics in zip(rig.world_from_camera[view], rig.intrinsics[view]):
            axes = torch.arange(rig.height) + 0.5, torch.arange(rig.width) + 0.5
            y, x = torch.meshgrid(*axes, indexing="ij")
            pose = torch.tensor(pose, dtype=torch.float32)
            (fx, _, cx), (_, fy, cy) = intrinsics[:2]
            in_camera = torch.stack([(x - cx) / fx, (y - cy) / fy, torch.ones_like(x)], -1)
            directions = torch.nn.functional.normalize(in_camera @ pose[:3, :3].T, dim=-1)
            moments = torch.cross(pose[:3, 3].expand_as(directions), directions, dim=-1)
            rays.append(torch.cat([directions, moments], -1))
    return torch.stack(rays).reshape(len(rig), rig.frames, rig.height, rig.width, 6).numpy()
