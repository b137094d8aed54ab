# SPDX-License-Identifier: Apache-2.0
"""Reading back what `Rollout.save` wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from action_images import Camera, FormatError, Rig, load_trajectory
from action_images.presentation.panels import upscale
from action_images.presentation.point_cloud_file import read_ply
from action_images.presentation.record import RolloutRecord

WHERE = "presentation::load_rollout"
LARGEST_JSON = 2**28  # bytes
MOST_VIEWS, MOST_FRAMES = 64, 4096


def load_rollout(folder: str | os.PathLike) -> RolloutRecord:
    """The rollout that a folder of `Rollout.save` holds: videos as H.264 keeps them, all numbers exactly.

    The first pictures of a rollout without video (task i2a) are read from its panels. Files that the rollout had no
    need of may be missing; a folder that C++ wrote has no cameras. Raises FormatError naming the file that is missing
    or damaged, ShapeError if the files do not fit together.
    """
    folder = Path(folder)
    saved = _saved(folder / "rollout.json")
    shape = _shape(folder, saved)
    _check_listed(folder, saved, shape[0])
    action_images = _videos(folder, shape, "action") if (folder / "view_0_action.mp4").exists() else None
    video = _videos(folder, shape, "video") if (folder / "view_0_video.mp4").exists() else None
    if video is None and action_images is None:
        raise FormatError(f"[{WHERE}] {folder / 'view_0_video.mp4'}: expected a video, got no file")
    if video is None:
        video = _first_pictures(folder, action_images)
    return RolloutRecord.of({
        "video": video,
        "action_images": action_images,
        "actions": _actions(folder, saved),
        "confidence": _field(saved, "confidence", list, folder),
        "rig": _rig(saved, folder),
        "instruction": _field(saved, "instruction", str, folder),
        "settings": _field(saved, "settings", dict, folder),
        "timings": _field(saved, "timings", dict, folder),
        "goal": _field(saved, "goal", list, folder),
        "blocks": _field(saved, "blocks", list, folder),
        "scene": read_ply(folder / "scene.ply") if (folder / "scene.ply").exists() else None,
    })


def _saved(path: Path) -> dict:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise FormatError(f"[{WHERE}] {path}: expected at most {LARGEST_JSON} bytes, got more")
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FormatError:
        raise
    except OSError as error:
        raise FormatError(f"[{WHERE}] {path}: expected a saved rollout, got {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"[{WHERE}] {path}: expected a JSON file, got something else") from error
    if not isinstance(saved, dict) or saved.get("format", "action-images-rollout") != "action-images-rollout":
        raise FormatError(f"[{WHERE}] {path}: expected format action-images-rollout, got another")
    return saved


def _check_listed(folder: Path, saved: dict, views: int) -> None:
    """Raises FormatError naming a file that rollout.json lists, that is read here, and that is missing."""
    listed = saved.get("files")
    for name in [f"view_{view}_{kind}.mp4" for kind in ("video", "action") for view in range(views)] + ["scene.ply"]:
        if isinstance(listed, list) and name in listed and not (folder / name).exists():
            raise FormatError(f"[{WHERE}] {folder / name}: expected the file that rollout.json lists, got no file")


def _field(saved: dict, name: str, kind: type, folder: Path):
    """An entry of rollout.json, or None. Raises FormatError unless it is of that kind; null among numbers is NaN."""
    value = saved.get(name)
    if value is None:
        return None
    if not isinstance(value, kind):
        raise _wrong(folder, name, f"a {kind.__name__}", type(value).__name__)
    if kind is list and name != "blocks":
        return _numbers(value, name, folder)
    if name == "blocks":
        return [_block(block, folder) for block in value]
    return value


def _numbers(values: object, name: str, folder: Path) -> np.ndarray:
    try:
        return np.array(values, dtype=object).astype(np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise _wrong(folder, name, "numbers", "something else") from error


def _block(block: object, folder: Path) -> dict:
    if not isinstance(block, dict) or "color" not in block or "center" not in block:
        raise _wrong(folder, "blocks", "color and center of each", "others")
    center = _numbers(block["center"], "blocks", folder)
    if center.shape != (3,):
        raise _wrong(folder, "blocks", "centers (3,)", str(center.shape))
    return {**block, "center": center}


def _shape(folder: Path, saved: dict) -> tuple[int, int | None]:
    """Views and frames: as rollout.json says, or as files are there and None."""
    shape = saved.get("shape")
    if shape is None:
        count = 1
        while count < MOST_VIEWS and any((folder / f"view_{count}_{kind}.mp4").exists() for kind in ("video", "action")):
            count += 1
        return count, None
    views, frames = (shape.get(name) if isinstance(shape, dict) else None for name in ("views", "frames"))
    if not isinstance(views, int) or not isinstance(frames, int) or not (1 <= views <= MOST_VIEWS and 1 <= frames <= MOST_FRAMES):
        raise _wrong(folder, "shape", f"1 to {MOST_VIEWS} views and 1 to {MOST_FRAMES} frames", f"{views} and {frames}")
    return views, frames


def _videos(folder: Path, shape: tuple[int, int | None], kind: str) -> np.ndarray:
    """(V, T, H, W, 3) of view_N_KIND.mp4."""
    from action_images.model import read_video

    videos = []
    for view in range(shape[0]):
        path = folder / f"view_{view}_{kind}.mp4"
        if not path.exists():
            raise FormatError(f"[{WHERE}] {path}: expected a video, got no file")
        videos.append(read_video(path, frames=(shape[1] or MOST_FRAMES) + 1))
        if len(videos[-1]) > MOST_FRAMES or shape[1] not in (None, len(videos[-1])):
            raise FormatError(f"[{WHERE}] {path}: expected {shape[1] or 'fewer'} frames, got {len(videos[-1])}")
        if videos[-1].shape != videos[0].shape:
            raise FormatError(f"[{WHERE}] {path}: expected {videos[0].shape} as of view 0, got {videos[-1].shape}")
    return np.stack(videos)


def _first_pictures(folder: Path, action_images: np.ndarray) -> np.ndarray:
    """(V, 1, H, W, 3): the left thirds of the panels, brought back to the size of the action images."""
    height, width = action_images.shape[2:4]
    factor = upscale(action_images[0, 0]).shape[0] // height
    panels = _videos(folder, action_images.shape[:2], "panel")
    expected = (height * factor, 3 * width * factor)
    if panels.shape[2:4] != expected:
        raise FormatError(f"[{WHERE}] {folder / 'view_0_panel.mp4'}: expected {expected}, got {panels.shape[2:4]}")
    first = panels[:, :1, :, : width * factor].reshape(len(panels), 1, height, factor, width, factor, 3)
    return first.mean(axis=(3, 5)).round().astype(np.uint8)


def _actions(folder: Path, saved: dict) -> np.ndarray | None:
    """Those of rollout.json, or of trajectory.csv in a folder that C++ wrote."""
    if "format" in saved:
        return _field(saved, "actions", list, folder)
    path = folder / "trajectory.csv"
    return load_trajectory(path) if path.exists() else None


def _rig(saved: dict, folder: Path) -> object:
    cameras = saved.get("cameras") or []
    try:
        fixed = [_camera(camera, {}) for camera in cameras]
        moving = [[_camera(camera, moment) for moment in moments] for camera, moments in zip(cameras, saved.get("moving_cameras") or [])]
        names = [str(camera.get("name", f"view_{index}")) for index, camera in enumerate(cameras)]
        return Rig(moving or fixed, names=names) if cameras else None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _wrong(folder, "cameras", "cameras as they are saved", str(error) or type(error).__name__) from error


def _camera(camera: dict, moment: dict) -> Camera:
    camera = {**camera, **moment}
    names = ("intrinsics", "world_from_camera", "width", "height", "lens", "distortion")
    return Camera(**{name: camera[name] for name in names if name in camera})


def _wrong(folder: Path, field: str, expected: str, got: str) -> FormatError:
    return FormatError(f"[{WHERE}] {folder / 'rollout.json'}: {field}: expected {expected}, got {got}")
