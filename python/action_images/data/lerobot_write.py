# SPDX-License-Identifier: Apache-2.0
"""Writes episodes of any source as a LeRobot v3.0 data set, with their action images as further videos."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import Camera, FormatError, Rig, encode
from .._codec import text_from_rig
from ..presentation.files import filled_folder, write_durably
from ._dataset import episodes_of
from ._episodes import Episode, EpisodeView
from .lerobot_calibration import ACTION_VIDEOS, FILE, FORMAT, PREFIX, VERSION
from .lerobot_info import ACTION, ACTION_NAMES, STATE, episodes_schema, features_of, info_of, rows_schema, write_tasks
from .lerobot_shards import EPISODES, EPISODES_OF_A_TABLE, ROWS, TableShards, VideoShards
from .lerobot_stats import PictureMoments, Statistics

WHERE = "data::write_lerobot"
EPISODE_FILES = "calibration/episode_{episode_index:06d}.json"
PIECE = 64 << 20  # [byte], pictures in memory at a time


@dataclass(frozen=True)
class LeRobotOptions:
    """fps: frames per second, if the episodes do not say. size: (height, width) [px] of all pictures, by default those of
    the first episode. action_images: also write them, in this convention. crf: of H.264, 0 best .. 51; lossless: pixels
    are kept exactly. video_bytes, data_bytes: a file ends after the episode with which it reaches them, what the encoder
    still holds back not counted; 0: a file for every episode."""

    fps: float | None = None
    size: tuple[int, int] | None = None
    action_images: bool = True
    convention: str = "paper"
    crf: float = 18.0
    lossless: bool = False
    robot_type: str | None = None
    video_bytes: int = 200 << 20
    data_bytes: int = 100 << 20


def write_lerobot(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Writes all episodes of a source as a LeRobot v3.0 data set; returns what its meta/info.json holds.

    source: a spec, a data set, or episodes in any sequence. Options: those of LeRobotOptions. progress(done, total) is
    called after every episode. Videos are observation.images.<view> and action_images.<view>; observation.state is the
    action of each frame (float64), action that of the next one (float32); cameras and the meaning of the features go to
    meta/calibration.json. The folder, which must be new or empty, appears complete or not at all.

    Raises ValueError for a folder that is not empty or options out of range; FormatError naming the episode that cannot
    be read or whose views, sizes or frame rate are not those of the first.
    """
    folder, chosen = Path(folder), LeRobotOptions(**options)
    episodes = episodes_of(source)
    if not len(episodes):
        raise ValueError(f"[{WHERE}] source: expected at least one episode, got none")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"[{WHERE}] {folder}: expected a new or empty folder, got one with files")
    with filled_folder(folder, WHERE) as temporary:
        writer = Writer(temporary, episodes[0], chosen)
        for index in range(len(episodes)):
            writer.add(episodes[index])
            if progress is not None:
                progress(index + 1, len(episodes))
        return writer.finish()


class Writer:
    """A data set that grows by episodes. What all have in common is that of the first one."""

    def __init__(self, root: Path, first: Episode, options: LeRobotOptions):
        self.root, self.options = root, options
        self.fps = first.frame_rate or float(options.fps or 0)
        if not 0 < self.fps <= 1000:
            raise ValueError(
                f"[{WHERE}] fps: expected above 0 up to 1000, for {first.name} does not say it, got {options.fps}"
            )
        self._check_names(first)
        self.sizes = {name: self._size(view) for name, view in views_of(first).items()}
        self.with_actions = first.actions is not None
        codec = {"codec": "libx264rgb", "pixel_format": "rgb24", "crf": 0} if options.lossless else {"crf": options.crf}
        settings = {"fps": self.fps, "keyframes": max(2, round(self.fps)), **codec}
        keys = {key: size for name, size in self.sizes.items() for key in self._keys(name)}
        self.features = features_of(keys, self.with_actions, video_info(self.fps, options.lossless))
        self.videos = {key: VideoShards(root, key, size, settings, options.video_bytes) for key, size in keys.items()}
        self.rows = TableShards(root, ROWS, rows_schema(self.features), options.data_bytes)
        self.episodes = TableShards(root, EPISODES, episodes_schema(self.features), options.data_bytes)
        self.statistics, self.tasks = Statistics(), {}
        self.count = self.frames = 0
        self.records: list[dict[str, Any]] = []  # of meta/episodes, that are not written yet
        self.cameras: dict[str, Any] = {}
        self.some_differ = False

    def add(self, episode: Episode) -> None:
        """Appends an episode."""
        self._check(episode)
        texts = list(episode.texts) or [""]
        record = {"episode_index": self.count, "tasks": texts, "length": episode.frames}
        record |= {"dataset_from_index": self.frames, "dataset_to_index": self.frames + episode.frames}
        for name, view in views_of(episode).items():
            record |= self._add_view(episode, name, view)
        record |= self._add_rows(episode, self.tasks.setdefault(texts[0], len(self.tasks)))
        for text in texts[1:]:
            self.tasks.setdefault(text, len(self.tasks))
        self._add_cameras(episode)
        self._add_record(record)
        self.count, self.frames = self.count + 1, self.frames + episode.frames

    def finish(self) -> dict[str, Any]:
        """Ends all files and writes the rest of `meta`."""
        self._flush()
        for shards in (*self.videos.values(), self.rows, self.episodes):
            shards.close()
        write_tasks(self.root, list(self.tasks))
        counts = {"total_episodes": self.count, "total_frames": self.frames, "total_tasks": len(self.tasks)}
        info = info_of(self.features, counts, self.fps, asdict(self.options))
        write_json(self.root / "meta/stats.json", self.statistics.report())
        write_json(self.root / FILE, self._calibration())
        write_json(self.root / "meta/info.json", info)
        return info

    def _add_record(self, record: dict[str, Any]) -> None:
        """Takes what is known of an episode; many of them are written at a time."""
        place = self.episodes.make_room() if not self.records else self.episodes.shards.indices()
        self.records.append({**record, **{f"meta/episodes/{name}": value for name, value in place.items()}})
        if len(self.records) >= EPISODES_OF_A_TABLE:
            self._flush()

    def _flush(self) -> None:
        if self.records:
            self.episodes.add({name: [record[name] for record in self.records] for name in self.records[0]})
            self.records = []

    def _keys(self, view: str) -> list[str]:
        both = self.options.action_images and self.with_actions
        return [PREFIX + view, ACTION_VIDEOS + view] if both else [PREFIX + view]

    def _size(self, view: EpisodeView) -> tuple[int, int]:
        return self.options.size or (view.cameras[0].height, view.cameras[0].width)

    def _check_names(self, first: Episode) -> None:
        names = [view.name for view in first.views]
        bad = [name for name in names if set(name) & set("/{}") or (name and names.count(name) > 1)]
        if bad:
            raise FormatError(
                f"[{WHERE}] {first.name}: expected views with different names without / and braces, got {bad[0]!r}"
            )

    def _check(self, episode: Episode) -> None:
        """Raises FormatError unless an episode has what the first one has."""

        def require(condition: bool, expected: Any, got: Any) -> None:
            if not condition:
                raise FormatError(f"[{WHERE}] {episode.name}: expected {expected} as in the first episode, got {got}")

        names = list(views_of(episode))
        require(sorted(names) == sorted(self.sizes), f"the views {', '.join(self.sizes)}", ", ".join(names))
        require(
            (episode.actions is not None) == self.with_actions,
            "actions" if self.with_actions else "no actions",
            "others",
        )
        rate = episode.frame_rate or self.fps
        require(abs(rate - self.fps) < 1e-6 * self.fps, f"{self.fps:g} frames per second", f"{rate:g}")
        for name, view in views_of(episode).items():
            size = self._size(view)
            require(size == self.sizes[name], f"{name} of {self.sizes[name]} px (or the option size)", size)

    def _add_view(self, episode: Episode, name: str, view: EpisodeView) -> dict[str, Any]:
        """Writes pictures and action images of one view; returns where they lie and their statistics."""
        height, width = self.sizes[name]
        cameras = [camera.center_crop_resize(height, width) for camera in view.cameras]
        keys = self._keys(name)
        places = {key: self.videos[key].begin(self.fps) for key in keys}
        moments = {key: PictureMoments(episode.frames) for key in keys}
        piece = max(1, PIECE // (height * width * 3))
        for start in range(0, episode.frames, piece):
            frames = list(range(start, min(start + piece, episode.frames)))
            pictures = [view.pictures.read(frames, height, width)]
            if len(keys) > 1:
                pictures.append(encode(episode.actions[frames], rig_of(cameras, frames), self.options.convention)[0])
            for key, part in zip(keys, pictures):
                self.videos[key].add(part)
                moments[key].add(part)
        record: dict[str, Any] = {}
        for key in keys:
            ends = {"to_timestamp": places[key]["from_timestamp"] + episode.frames / self.fps}
            record |= {f"videos/{key}/{part}": value for part, value in {**places[key], **ends}.items()}
            record |= flat(key, self.statistics.take_pictures(key, moments[key]))
        return record

    def _add_rows(self, episode: Episode, task: int) -> dict[str, Any]:
        """Writes the numbers of every frame; returns where they lie and their statistics."""
        steps = np.arange(episode.frames)
        columns: dict[str, np.ndarray] = {}
        if self.with_actions:
            actions = np.asarray(episode.actions, np.float64)
            columns[STATE] = actions
            columns[ACTION] = np.concatenate([actions[1:], actions[-1:]]).astype(np.float32)
        columns |= {"timestamp": (steps / self.fps).astype(np.float32), "frame_index": steps}
        columns |= {
            "episode_index": np.full(len(steps), self.count),
            "index": self.frames + steps,
            "task_index": np.full(len(steps), task),
        }
        place = self.rows.make_room()
        self.rows.add(columns)
        record = {f"data/{name}": value for name, value in place.items()}
        for name, report in self.statistics.take_rows(columns).items():
            record |= flat(name, report)
        return record

    def _add_cameras(self, episode: Episode) -> None:
        """Keeps the cameras of the first episode; writes a file for every later one with others."""
        rigs = {}
        for name, view in views_of(episode).items():
            cameras = [camera.center_crop_resize(*self.sizes[name]) for camera in view.cameras]
            rig = Rig([cameras if len(cameras) > 1 else cameras[0]], names=[name])
            rigs[PREFIX + name] = json.loads(text_from_rig(rig))
        if not self.cameras:
            self.cameras = rigs
        elif rigs != self.cameras:
            self.some_differ = True
            path = self.root / "meta" / EPISODE_FILES.format(episode_index=self.count)
            write_json(path, {"format": FORMAT, "version": VERSION, "cameras": rigs})

    def _calibration(self) -> dict[str, Any]:
        document = {"format": FORMAT, "version": VERSION, "cameras": self.cameras}
        if self.some_differ:
            document["episode_files"] = EPISODE_FILES
        if not self.with_actions:
            return {**document, "actions": None}
        names = {"position": ACTION_NAMES[:3], "rotation": ACTION_NAMES[3:6], "gripper": ACTION_NAMES[6:]}
        parts = {part: {"feature": STATE, "columns": columns} for part, columns in names.items()}
        parts["rotation"]["format"] = "euler"
        return {**document, "actions": parts, "convention": self.options.convention}


def views_of(episode: Episode) -> dict[str, EpisodeView]:
    """The views by name; one without is view_<number>."""
    return {view.name or f"view_{number}": view for number, view in enumerate(episode.views)}


def rig_of(cameras: Sequence[Camera], frames: Sequence[int]) -> Rig:
    """The rig of one view at some frames; past the end of its cameras the last one serves."""
    if len(cameras) == 1:
        return Rig([cameras[0]])
    return Rig([[cameras[min(frame, len(cameras) - 1)] for frame in frames]])


def video_info(fps: float, lossless: bool) -> dict[str, Any]:
    """What LeRobot notes of a video beside its size."""
    pixels = "gbrp" if lossless else "yuv420p"
    info = {
        "codec": "h264",
        "pix_fmt": pixels,
        "is_depth_map": False,
        "fps": int(fps) if float(fps).is_integer() else fps,
        "channels": 3,
    }
    return {**{f"video.{name}": value for name, value in info.items()}, "has_audio": False}


def flat(name: str, report: dict[str, list]) -> dict[str, list]:
    return {f"stats/{name}/{part}": value for part, value in report.items()}


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
