# SPDX-License-Identifier: Apache-2.0
"""The little geometry that pictures need: rotations, frusta, the colours of time."""

import numpy as np

from action_images import time_colours

TIME_COLOURS = time_colours(7).tolist()
SHADES = time_colours(256).tolist()
VIEW_COLOURS = ("#8a63d2", "#d08a1d", "#1b9aaa", "#c2558f", "#6b8e23", "#a0522d")


def time_colour(fraction):
    """RGB (3 ints) of a moment, 0 = first frame to 1 = last frame, as `draw_trajectory` has it."""
    return tuple(SHADES[round(255 * float(np.clip(fraction, 0, 1)))])


def blue_to_red(count):
    """(count, 3) uint8: the colours of time in 3-D files, blue (first) over grey to red (last)."""
    stops = np.array([[59, 76, 192], [221, 221, 221], [180, 4, 38]], dtype=np.float64)
    at = np.linspace(0.0, 2.0, count)
    return np.stack([np.interp(at, (0, 1, 2), channel) for channel in stops.T], axis=1).round().astype(np.uint8)


def view_colour(view):
    """The colour of a view's camera, as "#rrggbb"."""
    return VIEW_COLOURS[view % len(VIEW_COLOURS)]


def rotations(euler):
    """(T, 3) fixed-axes xyz angles [rad] -> (T, 3, 3): R = Rz @ Ry @ Rx."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(euler).T, np.sin(euler).T
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def frustum(camera, depth):
    """A camera's centre (3,) and the four corners (4, 3) of its picture at `depth` [m], in the world, clockwise."""
    width, height = camera.width, camera.height
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    in_camera = depth * corners @ np.linalg.inv(camera.intrinsics).T
    rotation, centre = camera.world_from_camera[:3, :3], camera.world_from_camera[:3, 3]
    return centre, in_camera @ rotation.T + centre
