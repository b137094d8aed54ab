# SPDX-License-Identifier: Apache-2.0
"""Draws a motion as action images in two views and reads it back."""

import numpy as np

import action_images as aim


def camera_at(position, size):
    """Camera at `position` [m] that looks at the origin."""
    forward = -np.asarray(position) / np.linalg.norm(position)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    world_from_camera = np.eye(4)
    world_from_camera[:3] = np.stack([right, np.cross(forward, right), forward, position], axis=1)
    intrinsics = [[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=world_from_camera, width=size, height=size)


def main():
    rig = aim.Rig([camera_at((0.6, 0.5, 0.6), 256), camera_at((0.6, -0.5, 0.6), 256)])
    time = np.linspace(0, 1, 9)[:, None]
    actions = np.hstack([time * [0.08, 0, 0], time * 0 + [3.0, 0, 0], 1 - time])
    images = aim.encode(actions, rig)
    decoded = aim.decode(images, rig)
    print(images.shape, images.dtype, decoded)
    print("confidence:", decoded.confidence.round(2))
    print("largest error [mm]:", 1e3 * np.abs(decoded.actions - actions)[:, :3].max())


if __name__ == "__main__":
    main()
