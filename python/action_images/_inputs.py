# SPDX-License-Identifier: Apache-2.0
"""What callers of a world model may give, as the arrays that it takes."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import FormatError, _model


def pictures(images: Sequence[Any] | None, where: str) -> list[np.ndarray]:
    """One (H, W, 3) uint8 array for each picture: an array, a PIL image or a path. Raises ValueError for others."""
    return [_picture(image, f"images[{view}]", where) for view, image in enumerate(_views(images, "images", where))]


def alpha_pictures(images: Sequence[Any] | None, where: str) -> list[np.ndarray]:
    """The same with an alpha channel where there is one, (H, W, 3 or 4); of a video's path the first frame."""
    return [_alpha_picture(image, f"images[{view}]", where) for view, image in enumerate(_views(images, "images", where))]


def videos_of(videos: Sequence[Any], where: str) -> list[np.ndarray]:
    """One (T, H, W, 3) uint8 array for each video: an array or a path. Raises ValueError for others."""
    return [
        _model.read_video(video) if _is_path(video) else _pixels(video, f"videos[{view}]", "(T, H, W, 3)", where)
        for view, video in enumerate(_views(videos, "videos", where))
    ]


def numbers(values: Any, argument: str, where: str) -> np.ndarray:
    """A float64 array. Raises ValueError for what is no number."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[{where}] {argument}: expected an array of numbers, got {error}") from error


def number(value: Any, argument: str, where: str) -> float | None:
    """The value as a float, None as None. Raises ValueError for what is no number."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[{where}] {argument}: expected a number, got {value!r}") from error


def whole_number(value: Any, argument: str, where: str, *, low: int, high: int) -> int | None:
    """The value as an int, None as None. Raises ValueError unless it is a whole number within [low, high]."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"[{where}] {argument}: expected a whole number from {low} to {high}, got {value!r}")
    return number


def _views(given: Any, argument: str, where: str) -> list[Any]:
    if given is None or _is_path(given) or not hasattr(given, "__iter__"):
        raise ValueError(f"[{where}] {argument}: expected a list with one for each view, got {type(given).__name__}")
    return list(given)


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike))


def _picture(image: Any, argument: str, where: str) -> np.ndarray:
    if _is_path(image):
        return _model.read_image(image)
    if hasattr(image, "convert"):  # a PIL image, which may read its file only now
        try:
            image = image.convert("RGB")
        except OSError as error:
            raise FormatError(f"[{where}] {argument}: expected a complete picture, got {error}") from error
    return _pixels(image, argument, "(H, W, 3)", where)


def _alpha_picture(image: Any, argument: str, where: str) -> np.ndarray:
    if _is_path(image):
        if os.fspath(image).lower().endswith(".mp4"):
            return _model.read_video(image, frames=1)[0]
        image = _opened(image)
    if hasattr(image, "convert") and _has_alpha(image):
        try:
            return np.asarray(image.convert("RGBA"))
        except OSError as error:
            raise FormatError(f"[{where}] {argument}: expected a complete picture, got {error}") from error
    return np.ascontiguousarray(_picture(image, argument, where))


def _has_alpha(image: Any) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _opened(path: Any) -> Any:
    """A PIL image if the file has an alpha channel, which the reader of pictures leaves out; else the path."""
    try:
        from PIL import Image

        with Image.open(path) as image:
            if not _has_alpha(image):
                return path
        return Image.open(path)
    except (ImportError, OSError, ValueError):
        return path


def _pixels(values: Any, argument: str, shape: str, where: str) -> np.ndarray:
    """uint8 as it is, floating point in [0, 1] times 255; shapes are the native module's to check."""
    array = np.asarray(values)
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"[{where}] {argument}: expected {shape} of dtype uint8, or floats in [0, 1], got dtype {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"[{where}] {argument}: expected finite {array.dtype} pixels in [0, 1], got NaN or infinity")
    if array.size and (array.min() < 0 or array.max() > 1):
        got = f"{array.min():g} to {array.max():g}"
        raise ValueError(f"[{where}] {argument}: expected {array.dtype} pixels in [0, 1], got {got}")
    return np.round(array.astype(np.float64) * 255.0).astype(np.uint8)
