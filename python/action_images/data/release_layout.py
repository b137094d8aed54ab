# SPDX-License-Identifier: Apache-2.0
"""Writes episodes in the layouts that Action Images was released with: those of its RLBench and of its Bridge."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import Camera, FormatError, Rig, convert_actions, save_camera_params
from .._model import VideoWriter
from ..presentation.files import filled_folder, write_durably
from ._dataset import episodes_of
from ._episodes import Episode, EpisodeView
from .lerobot_shards import to_disk

WHERE = "data::write_release"
STEP = 4  # actions of the RLBench layout to one frame of its videos
PIECE = 64 << 20  # [byte], pictures in memory at a time


def write_release(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    layout: str,
    crf: float = 18.0,
    fps: float | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Writes all episodes in a released layout.

    layout: "rlbench": <task>/variation<N>/episodes/episode<M>/ with actions.npy (T, 8) x y z qx qy qz qw openness and, of
    every fourth frame, view<V>/rgb/video.mp4 and view<V>/camera_params.json; or "bridge": processed/<N>/ with video/<V>.mp4,
    vggt/0/{extrinsic,intrinsic}.npy world-to-camera of cameras that stand still, and instruction.txt; it has no actions.
    fps: of the videos, by default the episodes'. The folder, which must be new or empty, appears complete or not at all.

    Raises ValueError for such a folder or another layout; FormatError naming the episode that the layout cannot hold.
    """
    writers = {"rlbench": write_rlbench_episode, "bridge": write_bridge_episode}
    if layout not in writers:
        raise ValueError(f"[{WHERE}] layout: expected {' or '.join(writers)}, got {layout!r}")
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"[{WHERE}] {folder}: expected a new or empty folder, got one with files")
    episodes = episodes_of(source)
    taken: dict[str, int] = {}
    with filled_folder(folder, WHERE) as temporary:
        for index in range(len(episodes)):
            episode = episodes[index]
            writers[layout](temporary, episode, taken, {"fps": fps or episode.frame_rate or 10.0, "crf": crf})
            if progress is not None:
                progress(index + 1, len(episodes))


def write_rlbench_episode(root: Path, episode: Episode, taken: dict[str, int], options: dict[str, float]) -> None:
    """One episode of the RLBench layout."""
    if episode.actions is None:
        raise FormatError(f"[{WHERE}] {episode.name}: expected actions, which the layout rlbench is made of, got none")
    task, given = variation_of(episode.name)
    texts = "\0".join(episode.texts)
    variation = root / task / f"variation{given if given is not None else variation_by_text(taken, task, texts)}"
    number = taken[str(variation)] = taken.get(str(variation), -1) + 1
    folder = variation / "episodes" / f"episode{number}"
    folder.mkdir(parents=True)
    write_array(folder / "actions.npy", convert_actions(episode.actions, target="quaternion"))
    frames = list(range(0, episode.frames, STEP))
    for place, view in enumerate(episode.views):
        view_folder = folder / f"view{place}"
        (view_folder / "rgb").mkdir(parents=True)
        write_frames(view_folder / "rgb/video.mp4", view, frames, options)
        cameras = [view.cameras[min(frame, len(view.cameras) - 1)] for frame in frames]
        rig = Rig([cameras if len(view.cameras) > 1 and len(cameras) > 1 else cameras[0]])
        save_camera_params(rig, [view_folder / "camera_params.json"])
    if not number:
        write_durably(variation / "variation_descriptions.pkl", pickle.dumps(list(episode.texts) or [""], protocol=3))


def write_bridge_episode(root: Path, episode: Episode, taken: dict[str, int], options: dict[str, float]) -> None:
    """One episode of the Bridge layout."""
    cameras = [in_front(view.cameras[0]) for view in episode.views]
    still = all(len(view.cameras) == 1 for view in episode.views)
    if not still or any(camera.lens != "none" for camera in cameras):
        raise FormatError(
            f"[{WHERE}] {episode.name}: expected pinhole cameras that stand still, which the layout bridge holds, got others"
        )
    number = taken["episode"] = taken.get("episode", -1) + 1
    folder = root / "processed" / f"{number:06d}"
    (folder / "video").mkdir(parents=True)
    (folder / "vggt/0").mkdir(parents=True)
    for place, view in enumerate(episode.views):
        write_frames(folder / "video" / f"{place}.mp4", view, list(range(episode.frames)), options)
    write_array(folder / "vggt/0/extrinsic.npy", np.stack([camera.camera_from_world[:3] for camera in cameras]))
    write_array(folder / "vggt/0/intrinsic.npy", np.stack([camera.intrinsics for camera in cameras]))
    lines = [" ".join(text.split()) for text in episode.texts]
    write_durably(folder / "instruction.txt", "\n".join(lines) + "\n" if lines else "\n")


def variation_of(name: str) -> tuple[str, int | None]:
    """The task and the variation's number of an episode's path, None for one of all_variations; "task" and None if the
    path tells neither."""
    parts = Path(name).parts
    for place in range(1, len(parts)):
        match = re.fullmatch(r"variation(\d+)", parts[place])
        if match or parts[place] == "all_variations":
            task = re.sub(r"[^\w.-]+", "_", parts[place - 1]).strip(".") or "task"
            return task, int(match[1]) if match else None
    return "task", None


def variation_by_text(taken: dict[str, int], task: str, texts: str) -> int:
    """A number for episodes of a task with the same instructions."""
    key = f"{task}\0{texts}"
    if key not in taken:
        count = taken[task] = taken.get(task, -1) + 1
        taken[key] = count
    return taken[key]


def in_front(camera: Camera) -> Camera:
    """The same camera with positive focal lengths, as VGGT writes them."""
    return camera.mirrored() if camera.intrinsics[0, 0] < 0 else camera


def write_frames(path: Path, view: EpisodeView, frames: list[int], options: dict[str, float]) -> None:
    """Writes frames of a view in their own size."""
    height, width = view.cameras[0].height, view.cameras[0].width
    piece = max(1, PIECE // (height * width * 3))
    with VideoWriter(path, height, width, **options) as video:
        for start in range(0, len(frames), piece):
            video.add(view.pictures.read(frames[start : start + piece], height, width))


def write_array(path: Path, array: np.ndarray) -> None:
    np.save(path, array)
    to_disk(path)
