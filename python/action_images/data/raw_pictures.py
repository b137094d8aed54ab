# SPDX-License-Identifier: Apache-2.0
"""Pictures of raw recordings: one file for every frame, named by numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .. import FormatError
from .._model import read_image

ENDINGS = (".png", ".jpg", ".jpeg")
LARGEST_VIEW = 16 << 30  # [byte], pictures of one view of an episode


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts names by the numbers in them: traj2 before traj10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def picture_files(folder: Path) -> list[Path]:
    """The pictures in a folder by their numbers."""
    return sorted((path for path in folder.iterdir() if path.suffix.lower() in ENDINGS), key=natural)


class PictureFiles:
    """The pictures of one view in their order; only the first is read before `array` is called."""

    def __init__(self, files: list[Path], where: str):
        if not files:
            raise FormatError(f"[{where}] pictures: expected at least one, got none")
        self.files, self.where = files, where
        self.height, self.width = read_image(files[0]).shape[:2]

    def __len__(self) -> int:
        return len(self.files)

    def array(self) -> np.ndarray:
        """All frames (T, H, W, 3) uint8. Raises FormatError naming a picture that is damaged or of another size."""
        if len(self) * self.height * self.width * 3 > LARGEST_VIEW:
            raise FormatError(
                f"[{self.where}] {self.files[0].parent}: expected pictures of at most {LARGEST_VIEW} bytes, got more"
            )
        return stacked(((path, read_image(path)) for path in self.files), len(self), self.where)


def stacked(pictures: Iterable[tuple[object, np.ndarray]], count: int, where: str) -> np.ndarray:
    """Named pictures of one size as (T, H, W, 3) uint8. Raises FormatError naming the first that is none."""
    frames = None
    for number, (name, picture) in enumerate(pictures):
        plain = (
            isinstance(picture, np.ndarray)
            and picture.dtype == np.uint8
            and picture.ndim == 3
            and picture.shape[2] == 3
        )
        if not plain or (frames is not None and picture.shape != frames.shape[1:]):
            expected = "(H, W, 3) uint8" if frames is None else f"{frames.shape[1:]} uint8 as the first"
            raise FormatError(
                f"[{where}] {name}: expected a picture {expected}, got {getattr(picture, 'shape', type(picture).__name__)}"
            )
        if frames is None:
            frames = np.empty((count, *picture.shape), np.uint8)
        frames[number] = picture
    return frames


def numbers_of(value: object, shape: tuple[int, ...], name: str, where: str) -> np.ndarray:
    """A finite array of a shape. Raises FormatError naming it."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape))
    if not fits or not np.isfinite(array).all():
        expected = str(shape).replace("-1", "T")
        raise FormatError(
            f"[{where}] {name}: expected finite numbers {expected}, got {array.shape or type(value).__name__}"
        )
    return array
