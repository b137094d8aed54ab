# SPDX-License-Identifier: Apache-2.0
"""Is a data set sound? What `check_source` counts, and pictures with the trajectory drawn into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import draw_trajectory
from ._dataset import episodes_of
from ._episodes import Episode
from ._sampler import check_source

LARGEST_OVERLAY = 512  # [px], the longer side of a picture in it


def check(
    source: Any,
    *,
    overlays: str | os.PathLike[str] | None = None,
    samples: int = 4,
    threads: int = 1,
    progress: Callable[[int, int], Any] | None = None,
) -> dict[str, Any]:
    """The report of `check_source`, and "bad_share", of the episodes without rejected ones, and "overlays".

    overlays: folder for the PNGs of `samples` episodes, spread over the data set, whose names are in "overlays"; bad
    episodes have none. threads, progress: those of `check_source`. Raises ValueError if the folder cannot be written.
    """
    episodes = episodes_of(source)
    report = check_source(episodes, threads=threads, progress=progress)
    bad = sum(not entry["rejected"] for entry in report["bad"])
    report["bad_share"] = bad / report["episodes"] if report["episodes"] else 0.0
    report["overlays"] = [] if overlays is None else write_overlays(episodes, Path(overlays), samples)
    return report


def write_overlays(episodes: Any, folder: Path, samples: int) -> list[str]:
    """Writes the PNGs of some episodes and returns their names."""
    from .._model import write_image

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in np.unique(np.linspace(0, len(episodes) - 1, min(samples, len(episodes))).round().astype(int)):
        try:
            episode = episodes[int(index)]
            picture = overlay(episode, sorted({0, episode.frames // 2, episode.frames - 1}))
        except ValueError:
            continue  # it is among the bad ones
        names.append(f"episode_{index:06d}.png")
        write_image(folder / names[-1], picture)
    return names


def overlay(episode: Episode, moments: Sequence[int]) -> np.ndarray:
    """Pictures (H, W, 3) of an episode with its trajectory: views below each other, moments beside each other."""
    first = episode.views[0].cameras[0]
    scale = min(1.0, LARGEST_OVERLAY / max(first.height, first.width))
    height, width = max(1, round(first.height * scale)), max(1, round(first.width * scale))
    rows = []
    for view in episode.views:
        pictures = list(view.pictures.read(list(moments), height, width))
        if episode.actions is not None:
            cameras = [
                view.cameras[min(time, len(view.cameras) - 1)].center_crop_resize(height, width) for time in moments
            ]
            pictures = [
                draw_trajectory(picture, episode.actions, camera, time=time)
                for picture, camera, time in zip(pictures, cameras, moments)
            ]
        rows.append(np.concatenate(pictures, axis=1))
    return np.ascontiguousarray(np.concatenate(rows))
