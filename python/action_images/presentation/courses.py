# SPDX-License-Identifier: Apache-2.0
"""What changes over the frames: position, rotation, openness, confidence, as plotly traces and as arrays."""

import numpy as np

from action_images import convert_actions

AXIS_COLOURS = {"x": "#e0483e", "y": "#2e9e57", "z": "#3b76e1"}
PANELS = ("position", "rotation", "openness", "confidence")  # from top to bottom


def rotation_since_first(actions, reference=None):
    """(T, 3): by how much the gripper has turned since its first known frame, as axis times angle in world axes [rad].

    actions: (T, 7); frames that are not finite stay NaN. reference: another (T', 7) whose first known frame is taken.
    Unwrapped: of the vectors that name one rotation the nearest to the one before is taken, so that angles go on past
    half a turn.
    """
    actions = np.asarray(actions, float)
    turned = np.full((len(actions), 3), np.nan)
    known, quaternions = _quaternions(actions)
    firsts = quaternions if reference is None else _quaternions(np.asarray(reference, float))[1]
    previous = np.zeros(3)
    for index, quaternion in zip(known, quaternions if len(firsts) else ()):
        previous = _nearest(_axis_angle(_times_inverse(quaternion, firsts[0])), previous)
        turned[index] = previous
    return turned


def _quaternions(actions):
    """The numbers of the known frames, and their rotations (x, y, z, w)."""
    known = np.flatnonzero(np.isfinite(actions[:, :6]).all(axis=1))
    if not len(known):
        return known, np.zeros((0, 4))
    poses = np.hstack([actions[known, :6], np.zeros((len(known), 1))])
    return known, convert_actions(poses, "euler", "quaternion")[:, 3:7]


def _times_inverse(a, b):
    """a b^-1 of unit quaternions (x, y, z, w)."""
    vector = b[3] * a[:3] - a[3] * b[:3] - np.cross(a[:3], b[:3])
    return np.append(vector, a[3] * b[3] + a[:3] @ b[:3])


def _axis_angle(quaternion):
    vector, scalar = quaternion[:3], quaternion[3]
    length = np.linalg.norm(vector)
    if length < 1e-12:
        return np.zeros(3)
    return vector / length * 2 * np.arctan2(length, scalar)


def _nearest(vector, previous):
    """The one of the vectors with the same rotation that is nearest to `previous`."""
    angle, before = np.linalg.norm(vector), np.linalg.norm(previous)
    if angle < 1e-9:  # whole turns about the axis before
        return previous * (2 * np.pi * np.round(before / (2 * np.pi)) / before) if before > 0 else vector
    turns = np.round((previous @ vector / angle - angle) / (2 * np.pi))
    return vector * (1 + 2 * np.pi * turns / angle)


def course_traces(record):
    """The plotly traces; `panel` names the one of PANELS that each belongs to."""
    if record.actions is None:
        return []
    turned = np.degrees(rotation_since_first(record.actions))
    traces = [_course(name, record.actions[:, i], "position", AXIS_COLOURS[name]) for i, name in enumerate("xyz")]
    traces += [_course(name, turned[:, i], "rotation", AXIS_COLOURS[name]) for i, name in enumerate("xyz")]
    traces.append(_course("openness", record.actions[:, 6], "openness", "#d08a1d"))
    if record.confidence is not None:
        traces.append(_course("confidence", record.confidence, "confidence", "#8a63d2"))
    return traces


def _course(name, values, panel, colour):
    digits = 2 if panel == "rotation" else 6
    return {
        "panel": panel,
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(range(len(values))),
        "y": [round(float(value), digits) if np.isfinite(value) else None for value in values],
        "line": {"color": colour, "width": 2.25},
        "marker": {"size": 4},
        "hovertemplate": "%{y:.1f}°" if panel == "rotation" else "%{y:.3f}",
        "showlegend": panel == "position",
        "legendgroup": name,
    }
