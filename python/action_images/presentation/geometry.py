# SPDX-License-Identifier: Apache-2.0
"""The little geometry that pictures need: rotations, projections, frusta, the colours of time."""

import numpy as np

TIME_COLOURS = np.array([[38, 84, 214], [125, 60, 190], [196, 48, 120], [222, 44, 40]])  # blue -> red


def time_colour(fraction):
    """RGB (3 ints) of a moment, 0 = first frame (blue) to 1 = last frame (red)."""
    position = float(np.clip(fraction, 0, 1)) * (len(TIME_COLOURS) - 1)
    lower = min(int(position), len(TIME_COLOURS) - 2)
    mixed = TIME_COLOURS[lower] + (position - lower) * (TIME_COLOURS[lower + 1] - TIME_COLOURS[lower])
    return tuple(int(round(value)) for value in mixed)


def rotations(euler):
    """(T, 3) fixed-axes xyz angles [rad] -> (T, 3, 3): R = Rz @ Ry @ Rx."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(euler).T, np.sin(euler).T
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def project(points, intrinsics, world_from_camera):
    """(..., 3) world points [m] -> (..., 2) pixels, pixel centres at +0.5; NaN for points not in front of it."""
    in_camera = (np.asarray(points, float) - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
    homogeneous = in_camera @ np.asarray(intrinsics, float).T
    depth = homogeneous[..., 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(depth > 0, homogeneous[..., :2] / depth, np.nan)


def frustum(camera, depth):
    """A camera's centre (3,) and the four corners (4, 3) of its picture at `depth` [m], in the world, clockwise."""
    width, height = camera.width, camera.height
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    in_camera = depth * corners @ np.linalg.inv(camera.intrinsics).T
    rotation, centre = camera.world_from_camera[:3, :3], camera.world_from_camera[:3, 3]
    return centre, in_camera @ rotation.T + centre
