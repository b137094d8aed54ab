# SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets, v2.0, v2.1 and v3.0, as episodes. docs/lerobot.md says what has to lie beside their files."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache

import numpy as np

from .. import FormatError
from ._episodes import Episode, Episodes, EpisodeView, video_frames
from .lerobot_calibration import Calibration, view_name
from .lerobot_meta import WHERE, EpisodeRecord, LeRobotMeta
from .lerobot_tables import read_table

LARGEST_HASHED = 16 << 20  # [byte]


class LeRobotEpisodes(Episodes):
    """The episodes of a data set in a folder. Rows are read with pyarrow; pictures only when they are asked for.

    Raises FormatError naming the file and what is wrong with it: a version that is not known, a missing or damaged file,
    no meta/calibration.json (whose message says what to write into it), rows that are not as many as the episode is long.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.meta = LeRobotMeta(os.fspath(path))
        if self.meta.image_keys and not self.meta.video_keys:
            raise FormatError(
                f"[{WHERE}] {self.meta.root}: expected pictures as videos, got {self.meta.image_keys[0]!r} as image files"
            )
        self.calibration = Calibration(self.meta)
        self._actions = lru_cache(maxsize=64)(self._read_actions)

    @property
    def name(self) -> str:
        return f"lerobot:{self.meta.root}"

    def __len__(self) -> int:
        return len(self.meta)

    def __getitem__(self, index: int) -> Episode:
        if not -len(self) <= index < len(self):
            raise IndexError(f"[{WHERE}] episode {index} of {len(self)}")
        record = self.meta.record(index % len(self))
        cameras = self.calibration.cameras_of(record.index)
        views = [self._view(record, key, cameras[key]) for key in self.calibration.view_keys()]
        actions = self._actions(index % len(self)) if self.calibration.actions else None
        name = self.episode_name(index % len(self))
        return Episode(
            views,
            texts=list(record.texts),
            actions=actions,
            frames=record.frames,
            frame_rate=self.meta.frame_rate,
            name=name,
        )

    def episode_name(self, index: int) -> str:
        return f"{self.meta.root}: episode {self.meta.record(index).index}"

    @property
    def fingerprint(self) -> str:
        """The sha1 over the files' names and sizes, and the contents of `meta` and of rows up to 16 MiB."""
        digest = hashlib.sha1()
        for path in self.meta.files(self.calibration.view_keys()):
            size = path.stat().st_size if path.is_file() else -1
            digest.update(f"{path.relative_to(self.meta.root)}\0{size}\0".encode())
            if path.suffix != ".mp4" and 0 <= size <= LARGEST_HASHED:
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def _view(self, record: EpisodeRecord, key: str, cameras: list) -> EpisodeView:
        part = record.videos[key]
        if not part.path.is_file():
            raise FormatError(
                f"[{WHERE}] {part.path}: expected the video of {key} of episode {record.index}, got no such file"
            )
        return EpisodeView(cameras, video_frames(part.path, part.first), name=view_name(key))

    def _read_actions(self, index: int) -> np.ndarray:
        """Actions (T, 7) of an episode."""
        record = self.meta.record(index)
        names = [*self.calibration.actions.features(), "frame_index"]
        rows = read_table(record.rows, names, episode=record.index)
        if len(rows["frame_index"]) != record.frames:
            raise FormatError(
                f"[{WHERE}] {record.rows}: expected {record.frames} rows of episode {record.index}, got {len(rows['frame_index'])}"
            )
        order = np.argsort(rows["frame_index"], kind="stable")
        if not np.array_equal(np.asarray(rows["frame_index"])[order], np.arange(record.frames)):
            raise FormatError(
                f"[{WHERE}] {record.rows}: expected frame_index 0..{record.frames - 1} in episode {record.index}, got others"
            )
        return self.calibration.actions.actions({name: np.asarray(rows[name])[order] for name in names})


def is_lerobot(path: str | os.PathLike[str]) -> bool:
    """Whether a folder looks like a LeRobot data set."""
    return os.path.isfile(os.path.join(path, "meta", "info.json"))
