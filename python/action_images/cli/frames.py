# SPDX-License-Identifier: Apache-2.0
"""Action images on disk: one .npy file, a folder of pictures, or one video per view."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import FormatError, ShapeError
from ..presentation.files import filled_folder, replaced_file

PICTURE = re.compile(r"view_(\d+)_(\d+)\.png")
WHERE = "cli::encode"


def write_array(path: Path, images: np.ndarray) -> None:
    """Writes (V, T, H, W, 3) as one .npy file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path, WHERE) as temporary:
        np.save(temporary, images)


def write_pictures(folder: Path, images: np.ndarray) -> None:
    """Writes view_V_FFFF.png for every view and frame. Raises ValueError if the folder has more of them already."""
    pillow = _pillow()
    names = [[f"view_{view}_{frame:04d}.png" for frame in range(images.shape[1])] for view in range(len(images))]
    others = {path.name for path in folder.glob("view_*.png") if PICTURE.fullmatch(path.name)} - set(sum(names, []))
    if others:
        raise ValueError(f"[{WHERE}] {folder}: expected no action images of another clip, got {min(others)}")
    with filled_folder(folder, WHERE) as temporary:
        for view, row in enumerate(names):
            for frame, name in enumerate(row):
                pillow.fromarray(images[view, frame]).save(temporary / name)


def write_videos(folder: Path, images: np.ndarray) -> None:
    """Writes view_V_action.mp4 for every view."""
    from ..model import write_video

    with filled_folder(folder, WHERE) as temporary:
        for view, frames in enumerate(images):
            write_video(temporary / f"view_{view}_action.mp4", frames, fps=10, crf=14)


def read_frames(paths: Sequence[Path]) -> np.ndarray:
    """(V, T, H, W, 3) of a .npy file, a folder of view_V_FFFF.png, or one video per view."""
    if len(paths) == 1 and paths[0].is_dir():
        return _read_pictures(paths[0])
    if len(paths) == 1 and paths[0].suffix == ".npy":
        return _read_array(paths[0])
    from ..model import read_video

    return _stacked([(path.name, read_video(path)) for path in paths])


def _read_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile, SyntaxError) as error:
        raise FormatError(f"[cli::decode] {path}: expected a numpy array, got {error}") from error
    if not isinstance(array, np.ndarray):
        raise FormatError(f"[cli::decode] {path}: expected one numpy array, got an archive")
    return array


def _read_pictures(folder: Path) -> np.ndarray:
    found = {}
    for path in folder.iterdir():
        match = PICTURE.fullmatch(path.name)
        if match:
            found[int(match[1]), int(match[2])] = path
    views, frames = (1 + max((key[axis] for key in found), default=-1) for axis in (0, 1))
    if not found or len(found) != views * frames:
        expected = "view_V_FFFF.png of every view and frame"
        raise FormatError(f"[cli::decode] {folder}: expected {expected}, got {len(found)} of {views * frames}")
    named = [(path.name, _read_picture(path)) for _, path in sorted(found.items())]
    return _stacked(named).reshape(views, frames, *named[0][1].shape)


def _read_picture(path: Path) -> np.ndarray:
    try:
        return np.asarray(_pillow().open(path).convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise FormatError(f"[cli::decode] {path}: expected a complete picture, got {error}") from error


def _stacked(named: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Arrays of one shape as one. Raises ShapeError naming the first that differs."""
    shape = named[0][1].shape
    for name, array in named:
        if array.shape != shape:
            raise ShapeError(f"[cli::decode] {name}: expected {shape} as {named[0][0]}, got {array.shape}")
    return np.stack([array for _, array in named])


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("PNG files need Pillow: pip install pillow (a .npy file works without)") from error
    return Image
