# SPDX-License-Identifier: Apache-2.0
"""Rotations and minimum-jerk gripper motion, in plain numpy.

Rotations are 3x3 matrices ``world_from_gripper``; Euler angles are fixed-axes xyz in radians, so that
``R = Rz(ez) @ Ry(ey) @ Rx(ex)``. The gripper frame has e_z along the approach direction, e_x along the
fingers' pads and e_y along the closing direction.
"""

from __future__ import annotations

import numpy as np

AXIS_LENGTH = 0.1
"""Length [m] of the two axes whose end points, with the position, are the action's three points."""


def matrix_from_euler(euler: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) from fixed-axes xyz angles (..., 3) [rad]."""
    cos, sin = np.cos(euler), np.sin(euler)
    cx, cy, cz = cos[..., 0], cos[..., 1], cos[..., 2]
    sx, sy, sz = sin[..., 0], sin[..., 1], sin[..., 2]
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def euler_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Fixed-axes xyz angles (..., 3) [rad] of rotation matrices (..., 3, 3), ey in [-pi/2, pi/2].

    At the singularity (ey = +-pi/2) ex is set to 0.
    """
    cos_y = np.hypot(rotation[..., 0, 0], rotation[..., 1, 0])
    singular = cos_y < 1e-9
    ex = np.where(singular, 0.0, np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2]))
    ey = np.arctan2(-rotation[..., 2, 0], cos_y)
    ez = np.where(
        singular,
        np.arctan2(-rotation[..., 0, 1], rotation[..., 1, 1]),
        np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0]),
    )
    return np.stack([ex, ey, ez], axis=-1)


def matrix_about(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Rotation matrices (..., 3, 3) by `angle` (...) [rad] about one unit `axis` (3,) (Rodrigues)."""
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.asarray(angle, dtype=np.float64)[..., None, None]
    return np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * (skew @ skew)


def rotation_angle(rotation: np.ndarray) -> np.ndarray:
    """Angle (...) in [0, pi] of rotation matrices (..., 3, 3)."""
    skew = np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        axis=-1,
    )
    return np.arctan2(np.linalg.norm(skew, axis=-1), np.trace(rotation, axis1=-2, axis2=-1) - 1.0)


def slerp(first: np.ndarray, last: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) on the shortest arc from `first` to `last` (3, 3) at `fractions` (T,) in [0, 1].

    The two rotations must be less than 180 degrees apart.
    """
    between = first.T @ last
    angle = float(rotation_angle(between))
    if angle < 1e-12:
        return np.repeat(first[None], len(fractions), axis=0)
    skew = between - between.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
    axis /= np.linalg.norm(axis)
    return first @ matrix_about(axis, angle * np.asarray(fractions))


def pointing_down(yaw: float) -> np.ndarray:
    """Rotation (3, 3) of a gripper that points straight down with e_x at `yaw` [rad] from world x."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, sin, 0.0], [sin, -cos, 0.0], [0.0, 0.0, -1.0]])


def minimum_jerk(time: np.ndarray) -> np.ndarray:
    """Fraction of the way in [0, 1] at `time` in [0, 1] of a minimum-jerk motion from rest to rest."""
    time = np.clip(time, 0.0, 1.0)
    return time**3 * (10.0 - 15.0 * time + 6.0 * time**2)


def action_points(actions: np.ndarray) -> np.ndarray:
    """The three points (T, 3, 3) [m] of actions (T, 7): p, p + l R(-e_z) and p + l R e_x."""
    position = actions[:, :3]
    rotation = matrix_from_euler(actions[:, 3:6])
    offsets = np.stack([np.zeros_like(position), -rotation[:, :, 2], rotation[:, :, 0]], axis=1)
    return position[:, None] + AXIS_LENGTH * offsets
