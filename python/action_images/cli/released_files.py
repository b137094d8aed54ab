# SPDX-License-Identifier: Apache-2.0
"""What the released implementation reads and writes: two pictures or videos; one mp4 and a point cloud a sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FPS = 30
WHERE = "cli::generate"


def given_pictures(paths: Sequence[str], task: str, frames: int) -> list:
    """One picture a view, of an mp4 its first frame; for v2a a video (T, H, W, 3) each, its last frame repeated.

    Raises ValueError if a picture is given where v2a needs a video.
    """
    if task != "v2a":
        return [_video(path, 1)[0] if _is_video(path) else path for path in paths]
    pictures = [path for path in paths if not _is_video(path)]
    if pictures:
        raise ValueError(f"[{WHERE}] --images: expected .mp4 files for task v2a, got {pictures[0]}")
    return [_video(path, frames) for path in paths]


def _is_video(path: str) -> bool:
    return path.lower().endswith(".mp4")


def _video(path: str, frames: int) -> np.ndarray:
    from ..model import read_video

    video = read_video(path, frames=frames)
    return np.concatenate([video, np.repeat(video[-1:], frames - len(video), axis=0)])


def save_sample(output: Path, index: int, rollout, *, ply: bool) -> list[Path]:
    """Writes video_<prompt>_<index>.mp4, sample_<index>/ with the rollout, and if `ply` point_cloud_<prompt>_<index>.ply.

    The video shows the views side by side: for each [video | action image | blend], or the video alone.
    """
    from ..model import write_video
    from ..point_cloud import PointCloud
    from ..presentation.files import replaced_file
    from ..presentation.geometry import blue_to_red
    from ..presentation.point_cloud_file import write_ply

    output.mkdir(parents=True, exist_ok=True)
    name = f"{file_name(rollout.prompt)}_{index}"
    written = [output / f"video_{name}.mp4"]
    with replaced_file(written[0], WHERE) as temporary:
        write_video(temporary, side_by_side(rollout.video, rollout.action_images), fps=FPS, crf=14)
    if ply and rollout.actions is not None and np.isfinite(rollout.actions).all():
        written.append(output / f"point_cloud_{name}.ply")
        write_ply(written[1], PointCloud(rollout.actions[:, :3], blue_to_red(len(rollout.actions))))
    folder = output / f"sample_{index}"
    rollout.save(folder)
    return [*written, folder]


def file_name(prompt: str) -> str:
    """A prompt as a part of a file's name: spaces are underscores, and so is what no file system likes."""
    return re.sub(r'[\s/\\:*?"<>|\x00-\x1f]', "_", prompt).strip(".")[:100] or "noprompt"


def side_by_side(video: np.ndarray, action_images: np.ndarray | None) -> np.ndarray:
    """(V, T, H, W, 3) each -> (T, H, 3 V W, 3): [video | action image | blend] of every view; without action images (T,
    H, V W, 3)."""
    if action_images is None:
        return np.concatenate(list(video), axis=2)
    blend = ((video.astype(np.uint16) + action_images + 1) // 2).astype(np.uint8)
    return np.concatenate([part[view] for view in range(len(video)) for part in (video, action_images, blend)], axis=2)
