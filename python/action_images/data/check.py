# SPDX-License-Identifier: Apache-2.0
"""Is a data set sound? Counts, durations, cameras, gripper, and the episodes that cannot be used, with the reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import draw_trajectory
from ._dataset import episodes_of
from ._episodes import Episode, EpisodeView

WHERE = "data::check"
BINS = 10  # of the openness
LARGEST_OVERLAY = 512  # [px], the longer side of a picture in it


@dataclass
class ViewReport:
    """One view by name, over all good episodes that have it."""

    episodes: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)  # (height, width) [px] that occur
    moving: int = 0  # episodes in which the camera moves
    points: int = 0  # gripper positions
    visible: int = 0  # of these, inside the picture

    def add(self, view: EpisodeView, actions: np.ndarray | None) -> None:
        camera = view.cameras[0]
        self.episodes += 1
        self.moving += len(view.cameras) > 1
        if (camera.height, camera.width) not in self.sizes:
            self.sizes.append((camera.height, camera.width))
        if actions is not None:
            inside = visible(view, actions)
            self.points, self.visible = self.points + len(inside), self.visible + int(inside.sum())


@dataclass
class CheckReport:
    """What `check` found."""

    name: str
    episodes: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)  # (episode, reason)
    frames: list[int] = field(default_factory=list)  # of every good episode
    seconds: float = 0.0  # of the good episodes whose frame rate is known
    without_rate: int = 0
    without_actions: int = 0
    without_text: int = 0
    texts: set[str] = field(default_factory=set)
    views: dict[str, ViewReport] = field(default_factory=dict)
    openness: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    notices: list[str] = field(default_factory=list)
    overlays: list[str] = field(default_factory=list)  # names of the files that were written

    @property
    def bad_share(self) -> float:
        """Bad episodes of all, 0..1."""
        return len(self.bad) / self.episodes if self.episodes else 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        lengths = [min(self.frames), float(np.median(self.frames)), max(self.frames)] if self.frames else []
        views = {
            name: {
                "episodes": view.episodes,
                "sizes": [list(size) for size in view.sizes],
                "moving_episodes": view.moving,
                "gripper_visible": view.visible / view.points if view.points else None,
            }
            for name, view in self.views.items()
        }
        return {
            "name": self.name,
            "episodes": self.episodes,
            "bad_share": self.bad_share,
            "bad": [{"episode": episode, "reason": reason} for episode, reason in self.bad],
            "frames": {"total": sum(self.frames), "least_median_most": lengths},
            "seconds": self.seconds,
            "episodes_without": {"frame_rate": self.without_rate, "actions": self.without_actions, "text": self.without_text},
            "texts": len(self.texts),
            "views": views,
            "openness_histogram": self.openness.tolist(),
            "notices": self.notices,
            "overlays": self.overlays,
        }


def check(
    source: Any,
    *,
    overlays: str | os.PathLike[str] | None = None,
    samples: int = 4,
    progress: Callable[..., object] | None = None,
) -> CheckReport:
    """Looks at every episode: its files, rows, cameras, and the first, middle and last picture of every view.

    source: a spec, a data set, or episodes. overlays: folder for PNGs of `samples` episodes, spread over the data set,
    with the trajectory drawn into the pictures of every view. progress(count, note) is called after every episode.
    A bad episode does not end the check; whatever its reading raises as ValueError or OSError is its reason.
    """
    episodes = episodes_of(source)
    count = len(episodes)
    report = CheckReport(str(getattr(episodes, "name", source)), count, notices=list(getattr(episodes, "notices", [])))
    shown = {round(place) for place in np.linspace(0, count - 1, min(samples, count))} if overlays is not None else set()
    for index in range(count):
        try:
            episode = episodes[index]
            look_at(episode)
            add(report, episode)
            if index in shown:
                report.overlays.append(write_overlay(Path(overlays), index, episode))
        except (ValueError, OSError, IndexError) as error:
            report.bad.append((name_of(episodes, index), " ".join(str(error).split())))
        if progress is not None:
            progress(1, f"{len(report.bad)} bad" if report.bad else "")
    return report


def look_at(episode: Episode) -> None:
    """Reads the first, middle and last picture of every view. Raises what reading them raises."""
    frames = sorted({0, episode.frames // 2, episode.frames - 1})
    for view in episode.views:
        view.pictures.read(frames, view.cameras[0].height, view.cameras[0].width)


def add(report: CheckReport, episode: Episode) -> None:
    """Counts a good episode."""
    report.frames.append(episode.frames)
    report.seconds += episode.frames / episode.frame_rate if episode.frame_rate else 0.0
    report.without_rate += not episode.frame_rate
    report.without_actions += episode.actions is None
    report.without_text += not any(text.strip() for text in episode.texts)
    report.texts.update(episode.texts)
    for view in episode.views:
        report.views.setdefault(view.name, ViewReport()).add(view, episode.actions)
    if episode.actions is not None:
        report.openness += np.histogram(np.asarray(episode.actions)[:, 6], bins=BINS, range=(0.0, 1.0))[0]


def visible(view: EpisodeView, actions: np.ndarray) -> np.ndarray:
    """Whether (T,) the gripper's position lies inside the picture."""
    positions = np.asarray(actions)[:, :3]
    if len(view.cameras) == 1:
        pixels = view.cameras[0].project(positions)
    else:
        cameras = [view.cameras[min(time, len(view.cameras) - 1)] for time in range(len(positions))]
        pixels = np.concatenate([camera.project(position[None]) for camera, position in zip(cameras, positions)])
    camera = view.cameras[0]
    with np.errstate(invalid="ignore"):
        return ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)


def name_of(episodes: Any, index: int) -> str:
    """What an episode is called, also if it cannot be read."""
    try:
        return str(episodes.episode_name(index))
    except (AttributeError, ValueError, OSError, IndexError):
        return f"episode {index}"


def write_overlay(folder: Path, index: int, episode: Episode) -> str:
    """Writes the PNG of one episode and returns its name: a row for every view, a column for each of three moments."""
    from .._model import write_image

    name = f"episode_{index:06d}.png"
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / name, overlay(episode, sorted({0, episode.frames // 2, episode.frames - 1})))
    return name


def overlay(episode: Episode, moments: Sequence[int]) -> np.ndarray:
    """Pictures of an episode with its trajectory, views below each other, moments beside each other."""
    first = episode.views[0].cameras[0]
    scale = min(1.0, LARGEST_OVERLAY / max(first.height, first.width))
    height, width = max(1, round(first.height * scale)), max(1, round(first.width * scale))
    rows = []
    for view in episode.views:
        pictures = list(view.pictures.read(list(moments), height, width))
        if episode.actions is not None:
            cameras = [view.cameras[min(time, len(view.cameras) - 1)].center_crop_resize(height, width) for time in moments]
            pictures = [
                draw_trajectory(picture, episode.actions, camera, time=time)
                for picture, camera, time in zip(pictures, cameras, moments)
            ]
        rows.append(np.concatenate(pictures, axis=1))
    return np.ascontiguousarray(np.concatenate(rows))
