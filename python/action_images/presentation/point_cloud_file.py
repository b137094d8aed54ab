# SPDX-License-Identifier: Apache-2.0
"""Coloured points as PLY files, and a trajectory as such points. Needs trimesh, which knows the format."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from action_images import FormatError
from action_images.point_cloud import PointCloud
from action_images.presentation.files import replaced_file, write_durably
from action_images.presentation.geometry import blue_to_red
from action_images.presentation.optional import optional_package
from action_images.presentation.record import RolloutRecord

LARGEST_FILE = 2**32  # bytes
UNKNOWN_COLOUR = 200  # grey of points in a file without colours


def write_ply(path: str | os.PathLike, cloud: PointCloud) -> None:
    """Writes a binary little-endian PLY: float x y z, uchar red green blue alpha (255) and, if known, float confidence.

    The file appears complete or not at all. Raises ValueError naming it if it cannot be written.
    """
    with replaced_file(path, "presentation::write_ply") as temporary:
        write_durably(temporary, ply_bytes(cloud))


def ply_bytes(cloud: PointCloud) -> bytes:
    """What `write_ply` writes. Raises ValueError for a cloud without points."""
    trimesh = optional_package("trimesh", "model", "presentation::write_ply")
    if not len(cloud):
        raise ValueError("[presentation::write_ply] cloud: expected points, got none")
    points = trimesh.PointCloud(cloud.points, colors=cloud.colors)
    points.vertex_attributes = {} if cloud.confidence is None else {"confidence": cloud.confidence}
    return points.export(file_type="ply")


def read_ply(path: str | os.PathLike) -> PointCloud:
    """The points of a PLY file of any kind, with their colours (grey if it has none) and confidence, if it has that.

    Faces and other properties are ignored. Raises FormatError naming a file that is missing, damaged, larger than 4 GiB
    or without points.
    """
    trimesh = optional_package("trimesh", "model", "presentation::read_ply")
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _unreadable(path, f"{path.stat().st_size} bytes")
        with open(path, "rb") as stream:
            loaded = trimesh.load(stream, file_type="ply", process=False, skip_materials=True)
    except FormatError:
        raise
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError, struct.error) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error
    points = np.asarray(getattr(loaded, "vertices", ()), np.float32)
    if points.ndim != 2 or not len(points):
        raise _unreadable(path, "no points")
    return PointCloud(points, _colors(loaded, len(points)), _confidence(loaded, len(points)))


def trajectory_cloud(record: RolloutRecord, *, between: int = 9) -> PointCloud:
    """The gripper's positions, coloured by time from blue (first frame) to red (last).

    `between` further points lie on the straight line from every frame to the next, so that viewers show a line; none
    beside frames whose position is NaN. May be empty.
    """
    if record.positions is None:
        return PointCloud(np.zeros((0, 3)), np.zeros((0, 3)))
    positions, last = record.positions, record.frames - 1
    times = np.arange(last * (between + 1) + 1) / (between + 1)
    points = _between(positions, times)
    known = np.isfinite(points).all(axis=1)
    shades = blue_to_red(256)[np.round(255 * times / max(1, last)).astype(int)]
    confidence = None if record.confidence is None else _between(record.confidence[:, None], times)[known, 0]
    return PointCloud(points[known], shades[known], confidence)


def _between(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(T, n) at times in frames, linearly; at a frame that frame alone, whatever its neighbour is."""
    first = np.floor(times).astype(int)
    share = (times - first)[:, None]
    after = values[np.minimum(first + 1, len(values) - 1)]
    return np.where(share == 0, values[first], (1 - share) * values[first] + share * after)


def _unreadable(path: Path, got: str) -> FormatError:
    return FormatError(f"[presentation::read_ply] {path}: expected a readable PLY file with points, got {got}")


def _colors(loaded, count: int) -> np.ndarray:
    colors = getattr(loaded, "colors", None)
    if colors is None and getattr(loaded, "visual", None) is not None and loaded.visual.kind == "vertex":
        colors = loaded.visual.vertex_colors
    colors = np.asarray(() if colors is None else colors)
    known = colors.ndim == 2 and len(colors) == count and colors.shape[1] >= 3
    return colors[:, :3].astype(np.uint8) if known else np.full((count, 3), UNKNOWN_COLOUR, np.uint8)


def _confidence(loaded, count: int) -> np.ndarray | None:
    columns = loaded.metadata.get("_ply_raw", {}).get("vertex", {}).get("data")
    names = getattr(getattr(columns, "dtype", None), "names", None) or (columns if isinstance(columns, dict) else ())
    if "confidence" not in names:
        return None
    confidence = np.asarray(columns["confidence"], np.float32).reshape(-1)
    return confidence if len(confidence) == count else None
