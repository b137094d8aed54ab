# SPDX-License-Identifier: Apache-2.0
"""Coloured points in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import ShapeError


@dataclass(frozen=True, repr=False, eq=False)
class PointCloud:
    """N points with colours, in the frame and the unit of the rig that they belong to.

    Raises ShapeError if the arrays do not fit together.
    """

    points: np.ndarray
    """(N, 3) float32: x y z [m, or the rig's unit]"""
    colors: np.ndarray
    """(N, 3) uint8: RGB"""
    confidence: np.ndarray | None = None
    """(N,) float32, larger is surer, or None where it is not known"""

    def __post_init__(self) -> None:
        points, colors = np.asarray(self.points, np.float32), np.asarray(self.colors, np.uint8)
        if points.ndim != 2 or points.shape[1] != 3:
            raise ShapeError(f"[PointCloud] points: expected (N, 3), got {points.shape}")
        if colors.shape != points.shape:
            raise ShapeError(f"[PointCloud] colors: expected {points.shape}, got {colors.shape}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "colors", colors)
        if self.confidence is not None:
            confidence = np.asarray(self.confidence, np.float32)
            if confidence.shape != points.shape[:1]:
                raise ShapeError(f"[PointCloud] confidence: expected {points.shape[:1]}, got {confidence.shape}")
            object.__setattr__(self, "confidence", confidence)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        return f"PointCloud({len(self)} points)"
