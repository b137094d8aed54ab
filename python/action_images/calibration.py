# SPDX-License-Identifier: Apache-2.0
"""Cameras from pictures of a ChArUco board, by OpenCV: `pip install 'action-images[calibration]'`.

The world of the rig is the board's frame: origin in its upper left corner, x right and y down along it, z into it, in metres
by the side of its squares.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import Camera, FormatError, NumericalError, Rig, ShapeError

__all__ = ["Calibration", "CharucoBoard", "rig_from_charuco", "write_charuco_board"]


@dataclass(frozen=True)
class CharucoBoard:
    """A chessboard with markers in its white squares. Raises ValueError for a board that there is not."""

    columns: int = 7
    rows: int = 5
    square: float = 0.04
    """Side of a square [m]"""
    marker: float = 0.03
    """Side of a marker [m]"""
    dictionary: str = "DICT_5X5_100"
    """OpenCV's name of the markers"""

    def __post_init__(self) -> None:
        if not 3 <= min(self.columns, self.rows) <= max(self.columns, self.rows) <= 50:
            got = f"{self.columns} x {self.rows}"
            raise ValueError(f"[CharucoBoard] columns, rows: expected 3..50 squares, got {got}")
        if not 0 < self.marker < self.square < float("inf"):
            got = f"{self.marker} and {self.square}"
            raise ValueError(f"[CharucoBoard] marker, square: expected lengths, the marker's less, got {got}")

    def _opencv(self) -> Any:
        cv2 = _opencv()
        number = getattr(cv2.aruco, self.dictionary, None) if self.dictionary.startswith("DICT_") else None
        if number is None:
            got = repr(self.dictionary[:40])
            raise ValueError(f"[CharucoBoard] dictionary: expected a name such as DICT_5X5_100, got {got}")
        dictionary = cv2.aruco.getPredefinedDictionary(number)
        have, needed = len(dictionary.bytesList), self.columns * self.rows // 2
        if needed > have:
            raise ValueError(f"[CharucoBoard] dictionary: expected {needed} markers or more, got {have} of {self.dictionary}")
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, self.marker, dictionary)


@dataclass(frozen=True)
class Calibration:
    """Calibrated cameras and how well the board's corners fit them."""

    rig: Rig
    """In the frame of the board [m]"""
    rms_px: np.ndarray
    """(V,) reprojection error of the corners of all pictures of a view [px]"""
    corners: list[int]
    """seen in all pictures of a view"""


def write_charuco_board(path: str | os.PathLike, board: CharucoBoard = CharucoBoard(), *, pixels_per_square: int = 200) -> None:
    """Writes the board as a PNG, with a white margin of half a square, to be printed at its size."""
    from .presentation.files import replaced_file, write_durably

    if not 10 <= pixels_per_square <= 2000:
        raise ValueError(f"[write_charuco_board] pixels_per_square: expected 10..2000, got {pixels_per_square}")
    margin = pixels_per_square // 2
    size = (board.columns * pixels_per_square + 2 * margin, board.rows * pixels_per_square + 2 * margin)
    picture = board._opencv().generateImage(size, marginSize=margin)
    done, png = _opencv().imencode(".png", picture)
    if not done:
        raise FormatError(f"[write_charuco_board] {path}: expected a PNG, got none from OpenCV")
    with replaced_file(Path(path), "write_charuco_board") as temporary:
        write_durably(temporary, png.tobytes())


def rig_from_charuco(
    images: Sequence[Any],
    *,
    board: CharucoBoard = CharucoBoard(),
    intrinsics: Rig | Sequence[Any] | None = None,
    lens: str = "none",
    names: Sequence[str] | None = None,
) -> Calibration:
    """Calibrates one camera for every view with pictures of a board.

    images: for every view one picture, or a list of them: arrays (H, W) or (H, W, 3) uint8, or paths. The first picture of
    every view is the one that places its camera, so the board must not move between those; in the others it should be tilted
    and all over the picture.
    intrinsics: a Rig with those that are known (its poses do not matter), or one (3, 3) per view [px]; then one picture per view
    is enough. Without, at least four pictures per view calibrate fx, fy, cx, cy and, with lens="brown_conrady", k1 k2 p1 p2 k3.
    Raises NumericalError naming the view and picture in which the board is not seen.
    """
    if lens not in ("none", "brown_conrady"):
        raise ValueError(f"[rig_from_charuco] lens: expected 'none' or 'brown_conrady', got {lens!r}")
    if not len(images):
        raise ValueError("[rig_from_charuco] images: expected pictures of one view or more, got none")
    if intrinsics is not None and len(intrinsics) != len(images):
        raise ShapeError(f"[rig_from_charuco] intrinsics: expected those of {len(images)} views, got {len(intrinsics)}")
    detector = _opencv().aruco.CharucoDetector(board._opencv())
    cameras, residuals, counts = [], [], []
    for view, given in enumerate(images):
        pictures = [_grey(picture, view) for picture in (given if _is_list(given) else [given])]
        seen = _corners(pictures, detector, board, view)
        size = pictures[0].shape[::-1]
        known = None if intrinsics is None else _known(intrinsics[view], size, view)
        camera, residual = _posed(known, seen, size) if known else _calibrated(seen, size, lens, view)
        cameras.append(camera)
        residuals.append(residual)
        counts.append(sum(len(points) for points, _ in seen))
    return Calibration(Rig(cameras, names=names), np.array(residuals), counts)


def _corners(pictures: list[np.ndarray], detector: Any, board: CharucoBoard, view: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points (N, 3) of the board and their pixels (N, 2), in OpenCV's pixel grid, of every picture."""
    chessboard, found = np.asarray(board._opencv().getChessboardCorners(), np.float64), []
    for index, picture in enumerate(pictures):
        if picture.shape != pictures[0].shape:
            raise ShapeError(
                f"[rig_from_charuco] images[{view}][{index}]: expected {pictures[0].shape}, got {picture.shape}"
            )
        corners, numbers, _, _ = detector.detectBoard(picture)
        count = 0 if numbers is None else len(numbers)
        if count < 6:
            raise NumericalError(
                f"[rig_from_charuco] images[{view}][{index}]: expected a board of {board.columns} x {board.rows} squares,"
                f" got {count} of its corners (6 are needed)"
            )
        found.append((chessboard[numbers.ravel()], np.asarray(corners, np.float64).reshape(-1, 2)))
    return found


def _calibrated(seen: list, size: tuple[int, int], lens: str, view: int) -> tuple[Camera, float]:
    """The camera of a view, and its residual, from several pictures."""
    cv2 = _opencv()
    if len(seen) < 4:
        raise NumericalError(
            f"[rig_from_charuco] images[{view}]: expected four pictures or more, or known intrinsics, got {len(seen)}"
        )
    flags = 0
    if lens == "none":
        flags = cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    points = [np.asarray(at, np.float32) for at, _ in seen]
    pixels = [np.asarray(at, np.float32).reshape(-1, 1, 2) for _, at in seen]
    residual, matrix, distortion, turns, shifts = cv2.calibrateCamera(points, pixels, size, None, None, flags=flags)
    if not np.isfinite(residual) or not np.isfinite(matrix).all():
        raise NumericalError(f"[rig_from_charuco] images[{view}]: expected pictures that tell a camera, got others")
    k = [] if lens == "none" else [float(value) for value in np.ravel(distortion)[:5]]
    return _camera(matrix, (turns[0], shifts[0]), size, (lens, k)), float(residual)


def _posed(known: Camera, seen: list, size: tuple[int, int]) -> tuple[Camera, float]:
    """The camera of known intrinsics at the pose of the first picture, and the residual of all."""
    cv2 = _opencv()
    matrix = known.intrinsics.copy()
    matrix[:2, 2] -= 0.5
    distortion = np.array(known.distortion or [0.0] * 4)
    squares, pose = [], None
    for points, pixels in seen:
        if known.lens == "fisheye":  # solvePnP knows Brown-Conrady's model only
            plane = cv2.fisheye.undistortPoints(pixels.reshape(-1, 1, 2), matrix, distortion)
            _, turn, shift = cv2.solvePnP(points, plane, np.eye(3), None)
            projected, _ = cv2.fisheye.projectPoints(points.reshape(-1, 1, 3), turn, shift, matrix, distortion)
        else:
            _, turn, shift = cv2.solvePnP(points, pixels, matrix, distortion)
            projected, _ = cv2.projectPoints(points, turn, shift, matrix, distortion)
        squares.extend(((projected.reshape(-1, 2) - pixels) ** 2).sum(axis=1))
        pose = pose or (turn, shift)
    return _camera(matrix, pose, size, (known.lens, known.distortion)), float(np.sqrt(np.mean(squares)))


def _camera(matrix: np.ndarray, pose: tuple, size: tuple[int, int], lens: tuple) -> Camera:
    """OpenCV's centre of the first pixel is (0, 0), here it is (0.5, 0.5)."""
    intrinsics = np.array(matrix, np.float64)
    intrinsics[:2, 2] += 0.5
    rotation, _ = _opencv().Rodrigues(pose[0])
    return Camera.from_opencv(
        intrinsics, rotation, np.ravel(pose[1]), width=size[0], height=size[1], lens=lens[0], distortion=lens[1]
    )


def _known(given: Any, size: tuple[int, int], view: int) -> Camera:
    if isinstance(given, Camera):
        if (given.width, given.height) != size:
            got = f"{given.width} x {given.height}"
            raise ShapeError(f"[rig_from_charuco] intrinsics[{view}]: expected those of {size[0]} x {size[1]} px, got {got}")
        return given
    return Camera(intrinsics=given, world_from_camera=np.eye(4), width=size[0], height=size[1])


def _is_list(given: Any) -> bool:
    return isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim == 4)


def _grey(picture: Any, view: int) -> np.ndarray:
    """(H, W) uint8."""
    cv2 = _opencv()
    if isinstance(picture, (str, os.PathLike)):
        try:
            data = np.frombuffer(Path(picture).read_bytes(), np.uint8)
        except OSError as error:
            raise FormatError(f"[rig_from_charuco] {picture}: expected a readable picture, got {error.strerror}") from error
        read = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
        if read is None:
            raise FormatError(f"[rig_from_charuco] {picture}: expected a picture, got something else")
        return read
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or not pixels.size:
        got = f"{pixels.shape} of dtype {pixels.dtype}"
        raise ShapeError(f"[rig_from_charuco] images[{view}]: expected (H, W) or (H, W, 3) of dtype uint8, got {got}")
    return pixels if pixels.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ImportError("calibration needs OpenCV: pip install 'action-images[calibration]'") from error
    if not hasattr(getattr(cv2, "aruco", None), "CharucoDetector"):
        raise ImportError("calibration needs OpenCV 4.7 or newer: pip install 'action-images[calibration]'")
    return cv2
