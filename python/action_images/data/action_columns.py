# SPDX-License-Identifier: Apache-2.0
"""Columns of a table as actions: which are position, rotation and gripper, and how they are written there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .. import FormatError, convert_actions

WHERE = "data::actions"
SIZES = {"euler": 3, "quaternion": 4, "rotation_6d": 6, "matrix": 9, "axis_angle": 3}


class Columns(Protocol):
    """A table that knows how wide its features are and what their columns are called."""

    def width_of(self, feature: str) -> int: ...
    def names_of(self, feature: str) -> list[str]: ...


class ActionColumns:
    """A mapping with "position", "rotation" and "gripper", each {"feature": name, "columns": names or numbers}.

    position    3 columns; "metres": of one unit, 1 by default
    rotation    "format": euler (3: fixed axes x, y, z), quaternion (4: "order" xyzw or wxyz), rotation_6d (6), matrix (9),
                axis_angle (3: axis times radians); "tool": 3x3, tool_from_gripper: what the rotation is multiplied by on
                the right so that e_z is the gripper's approach and e_x its up direction
    gripper     1 column; "closed" and "open": its values then, 0 and 1 by default

    Raises FormatError naming the part that is wrong.
    """

    def __init__(self, value: Any, table: Columns, name: str):
        self.name = name
        self.position = self._part(value, "position", table, 3)
        self.format = self._choice(value, "rotation", "format", tuple(SIZES))
        self.rotation = self._part(value, "rotation", table, SIZES[self.format])
        self.gripper = self._part(value, "gripper", table, 1)
        self.scalar_first = (
            self.format == "quaternion" and self._choice(value, "rotation", "order", ("xyzw", "wxyz")) == "wxyz"
        )
        self.tool = self._tool(value["rotation"].get("tool"))
        self.metres = self._number(value, "position", "metres", 1.0)
        self.closed, self.open = (
            self._number(value, "gripper", end, default) for end, default in (("closed", 0.0), ("open", 1.0))
        )
        if self.closed == self.open or self.metres <= 0:
            raise FormatError(
                f"[{WHERE}] {name}: expected different values for closed and open, and metres above 0, got others"
            )

    def features(self) -> list[str]:
        """The features that are read."""
        return list(dict.fromkeys(part[0] for part in (self.position, self.rotation, self.gripper)))

    def actions(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Actions (T, 7) of the features' rows, (T,) or (T, n). Raises FormatError if they are no poses."""
        position = self._columns(rows, self.position) * self.metres
        rotation = self._columns(rows, self.rotation)
        gripper = (self._columns(rows, self.gripper) - self.closed) / (self.open - self.closed)
        form = self.format
        if form == "axis_angle":
            rotation, form = matrices_from_axis_angles(rotation).reshape(-1, 9), "matrix"
        if self.scalar_first:
            rotation = np.roll(rotation, -1, axis=1)
        table = np.concatenate([position, rotation, np.clip(gripper, 0.0, 1.0)], axis=1)
        try:
            actions = convert_actions(table, source=form)
            return actions if self.tool is None else turned(actions, self.tool)
        except ValueError as error:
            raise FormatError(f"[{WHERE}] {self.name}: {error}") from error

    def _columns(self, rows: Mapping[str, np.ndarray], part: tuple[str, list[int]]) -> np.ndarray:
        feature, columns = part
        values = np.asarray(rows[feature], np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if max(columns) >= values.shape[1]:
            raise FormatError(
                f"[{WHERE}] {self.name}: expected {max(columns) + 1} columns of {feature}, got {values.shape[1]}"
            )
        return values[:, columns]

    def _part(self, value: Any, part: str, table: Columns, size: int) -> tuple[str, list[int]]:
        entry = value.get(part) if isinstance(value, Mapping) else None
        columns = entry.get("columns") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or not isinstance(entry.get("feature"), str):
            raise FormatError(
                f'[{WHERE}] {self.name}.{part}: expected {{"feature": ..., "columns": [...]}}, got {str(entry)[:60]}'
            )
        feature = entry["feature"]
        width, names = table.width_of(feature), table.names_of(feature)
        columns = list(range(width)) if columns is None else columns
        if not isinstance(columns, Sequence) or isinstance(columns, str) or len(columns) != size:
            raise FormatError(
                f"[{WHERE}] {self.name}.{part}.columns: expected {size} of the {width} of {feature}, got {str(columns)[:80]}"
            )
        return feature, [self._column(column, width, names, part) for column in columns]

    def _column(self, column: Any, width: int, names: list[str], part: str) -> int:
        if isinstance(column, str) and column in names:
            return names.index(column)
        if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < width:
            return column
        known = ", ".join(names[:20]) or "no names"
        raise FormatError(
            f"[{WHERE}] {self.name}.{part}.columns: expected 0..{width - 1} or a name ({known}), got {str(column)[:40]!r}"
        )

    def _choice(self, value: Any, part: str, name: str, choices: tuple[str, ...]) -> str:
        entry = value.get(part) if isinstance(value, Mapping) else None
        chosen = entry.get(name, choices[0]) if isinstance(entry, Mapping) else choices[0]
        if chosen not in choices:
            raise FormatError(
                f"[{WHERE}] {self.name}.{part}.{name}: expected {' or '.join(choices)}, got {str(chosen)[:40]!r}"
            )
        return chosen

    def _number(self, value: Mapping[str, Any], part: str, name: str, default: float) -> float:
        number = value[part].get(name, default)
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not np.isfinite(number):
            raise FormatError(f"[{WHERE}] {self.name}.{part}.{name}: expected a number, got {str(number)[:40]}")
        return float(number)

    def _tool(self, value: Any) -> np.ndarray | None:
        if value is None:
            return None
        try:
            tool = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            tool = np.zeros(0)
        if tool.shape != (3, 3) or not np.allclose(tool @ tool.T, np.eye(3), atol=1e-4) or np.linalg.det(tool) < 0:
            raise FormatError(f"[{WHERE}] {self.name}.rotation.tool: expected a 3x3 rotation, got {str(value)[:60]}")
        return tool


def turned(actions: np.ndarray, tool: np.ndarray) -> np.ndarray:
    """Actions (T, 7) with every rotation multiplied on the right by `tool` (3, 3)."""
    rows = convert_actions(actions, target="matrix")
    rows[:, 3:12] = (rows[:, 3:12].reshape(-1, 3, 3) @ tool).reshape(-1, 9)
    return convert_actions(rows, source="matrix")


def matrices_from_axis_angles(vectors: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) about the directions of vectors (T, 3) by their lengths [rad]: Rodrigues' formula."""
    angles = np.linalg.norm(vectors, axis=1)
    axes = vectors / np.where(angles > 0, angles, 1.0)[:, None]
    cross = np.zeros((len(vectors), 3, 3))
    x, y, z = axes.T
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
    cross -= cross.transpose(0, 2, 1)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)
