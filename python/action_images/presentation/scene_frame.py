# SPDX-License-Identifier: Apache-2.0
"""Where a scene's middle is, which way is up, and how large things in it are drawn."""

from __future__ import annotations

import numpy as np

from action_images.presentation.record import RolloutRecord


def up_of(record: RolloutRecord) -> np.ndarray:
    """Up (3,) in world: the pictures' upper edge if the world is the first camera's own frame, as VGGT's is, else z."""
    if record.cameras:
        first = record.cameras[0].world_from_camera[:3, :3]
        for across in (1.0, -1.0):  # -1: with negative focal lengths, turned half round the line of sight
            if np.allclose(first, np.diag([across, across, 1.0]), atol=1e-3):
                return np.array([0.0, -1.0, 0.0])
    return np.array([0.0, 0.0, 1.0])


def middle_of(record: RolloutRecord) -> np.ndarray:
    """(3,) in world: the median of the gripper's positions, else of the points; else where the cameras look."""
    for known in _known_points(record):
        return np.median(known, axis=0).astype(np.float64)
    return _nearest_to_lines_of_sight(record) if record.cameras else np.zeros(3)


def size_of(record: RolloutRecord) -> float:
    """The length that things are drawn in proportion to, in the world's unit: from the middle to the nearest camera.

    Without cameras the extent of what is known; 1 if there is none.
    """
    middle = middle_of(record)
    distances = [np.linalg.norm(camera.world_from_camera[:3, 3] - middle) for camera in record.cameras]
    if distances and min(distances) > 1e-9:
        return float(min(distances))
    extents = [np.linalg.norm(known.max(axis=0) - known.min(axis=0)) for known in _known_points(record)]
    return float(max([*extents, *distances], default=0.0)) or 1.0


def _known_points(record: RolloutRecord) -> list[np.ndarray]:
    """The gripper's positions, then the scene's points, (N, 3) each with N > 0, without those that are NaN."""
    given = [record.positions, None if record.scene is None else record.scene.points]
    known = [points[np.isfinite(points).all(axis=1)] for points in given if points is not None]
    return [points for points in known if len(points)]


def _nearest_to_lines_of_sight(record: RolloutRecord) -> np.ndarray:
    """The point nearest to all cameras' lines of sight; one unit before the first camera if these are parallel."""
    centres = np.array([camera.world_from_camera[:3, 3] for camera in record.cameras])
    forward = np.array([camera.world_from_camera[:3, 2] for camera in record.cameras])
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    if np.linalg.cond(across.sum(axis=0)) > 1e6:
        return centres[0] + forward[0]
    return np.linalg.solve(across.sum(axis=0), (across @ centres[:, :, None]).sum(axis=0))[:, 0]
