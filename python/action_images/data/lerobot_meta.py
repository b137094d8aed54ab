# SPDX-License-Identifier: Apache-2.0
"""What a LeRobot data set (v2.0, v2.1, v3.0) says about itself: its episodes, and where their rows and videos lie."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import FormatError
from .lerobot_tables import read_table

WHERE = "data::lerobot"
LARGEST_JSON = 256 << 20  # [byte]
MOST_EPISODES = 1 << 24
MOST_FRAMES = 1 << 20  # of an episode


@dataclass(frozen=True)
class VideoPart:
    """Where the frames of one episode and camera lie: from frame `first` of the file on."""

    path: Path
    first: int


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode: its number, T, its tasks, the parquet file with its rows, the videos by their keys."""

    index: int
    frames: int
    texts: tuple[str, ...]
    rows: Path
    videos: Mapping[str, VideoPart]


class LeRobotMeta:
    """The folder `meta` of a data set. Raises FormatError naming the file and what is wrong with it."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.info = read_json(self.root / "meta/info.json")
        self.major = self._major()
        self.frame_rate = self._number("fps", 1000.0)
        self.features: dict[str, Any] = self._field("features", dict)
        self.video_keys = [key for key, value in self.features.items() if kind_of(value) == "video"]
        self.image_keys = [key for key, value in self.features.items() if kind_of(value) == "image"]
        self._episodes = _Version3(self) if self.major == 3 else _Version2(self)

    def __len__(self) -> int:
        return len(self._episodes)

    def record(self, index: int) -> EpisodeRecord:
        """What is known of the episode at a position. Raises FormatError if it does not fit together."""
        return self._episodes.record(index)

    def files(self, keys: Sequence[str]) -> list[Path]:
        """The files that the episodes are read from, each once: those of `meta`, then rows, then videos of some keys."""
        meta = sorted(path for path in (self.root / "meta").rglob("*") if path.is_file())
        return [*meta, *dict.fromkeys(self._episodes.files(keys))]

    def width_of(self, feature: str) -> int:
        """How many numbers a row of a feature has."""
        if feature not in self.features:
            known = ", ".join(sorted(self.features)[:20])
            raise FormatError(f"[{WHERE}] {self.root}/meta/info.json: expected the feature {feature!r}, got {known}")
        shape = self.features[feature].get("shape") or [1]
        width = shape[0] if len(shape) == 1 else 0
        if not isinstance(width, int) or not 1 <= width <= 4096:
            raise FormatError(f"[{WHERE}] {feature}: expected one axis of 1 to 4096 numbers, got shape {shape}")
        return width

    def names_of(self, feature: str) -> list[str]:
        """The names of a feature's columns, as far as the data set tells them."""
        names = self.features[feature].get("names")
        while isinstance(names, Mapping):  # {"motors": [...]}
            names = next(iter(names.values()), None)
        return [str(name) for name in names] if isinstance(names, list) else []

    def path(self, template: str, **numbers: int | str) -> Path:
        """A path template such as "data/chunk-{chunk_index:03d}/..." filled in; it stays inside the data set."""
        text = filled(template, numbers)
        if Path(text).is_absolute() or ".." in Path(text).parts:
            raise FormatError(
                f"[{WHERE}] {self.root}/meta/info.json: expected paths inside the data set, got {text[:80]!r}"
            )
        return self.root / text

    def _major(self) -> int:
        version = str(self.info.get("codebase_version", ""))
        match = re.fullmatch(r"v?([23])\.\d+(\.\d+)?", version)
        if not match:
            raise FormatError(
                f"[{WHERE}] {self.root}/meta/info.json: expected codebase_version v2.x or v3.0, got {version[:20]!r}"
            )
        return int(match[1])

    def _field(self, name: str, kind: type) -> Any:
        value = self.info.get(name)
        if not isinstance(value, kind):
            raise FormatError(
                f"[{WHERE}] {self.root}/meta/info.json: expected {name!r} of type {kind.__name__}, got {str(value)[:40]}"
            )
        return value

    def _number(self, name: str, largest: float) -> float:
        value = self.info.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= largest:
            raise FormatError(
                f"[{WHERE}] {self.root}/meta/info.json: expected {name!r} above 0, up to {largest:g}, got {str(value)[:40]}"
            )
        return float(value)


class _Version2:
    """One parquet file and one video of each camera for every episode; meta/episodes.jsonl."""

    def __init__(self, meta: LeRobotMeta):
        self.meta = meta
        self.chunk = int(meta._number("chunks_size", 1e9)) if "chunks_size" in meta.info else 1000
        self.rows = meta._field("data_path", str)
        self.videos = meta._field("video_path", str) if meta.video_keys else ""
        path = meta.root / "meta/episodes.jsonl"
        lines = sorted(read_lines(path), key=lambda line: whole(line, "episode_index", path))
        self.lines = [
            (whole(line, "episode_index", path), whole(line, "length", path, MOST_FRAMES), texts_of(line))
            for line in lines
        ]
        numbers = [number for number, _, _ in self.lines]
        if len(set(numbers)) != len(numbers):
            raise FormatError(f"[{WHERE}] {path}: expected every episode once, got one twice")

    def __len__(self) -> int:
        return len(self.lines)

    def files(self, keys: Sequence[str]) -> Iterator[Path]:
        for index in range(len(self)):
            record = self.record(index)
            yield from (record.rows, *(record.videos[key].path for key in keys))

    def record(self, index: int) -> EpisodeRecord:
        number, frames, texts = self.lines[index]
        numbers = {"episode_chunk": number // self.chunk, "episode_index": number}
        videos = {
            key: VideoPart(self.meta.path(self.videos, video_key=key, **numbers), 0) for key in self.meta.video_keys
        }
        return EpisodeRecord(number, frames, texts, self.meta.path(self.rows, **numbers), videos)


class _Version3:
    """Many episodes in a file; meta/episodes/*/*.parquet tells which rows and seconds are whose."""

    def __init__(self, meta: LeRobotMeta):
        self.meta = meta
        self.rows = meta._field("data_path", str)
        self.videos = meta._field("video_path", str) if meta.video_keys else ""
        self.folder = meta.root / "meta/episodes"
        files = sorted(self.folder.glob("*/*.parquet"))
        if not files:
            raise FormatError(f"[{WHERE}] {self.folder}: expected chunk-000/file-000.parquet, got none")
        names = ["episode_index", "length", "data/chunk_index", "data/file_index"]
        for key in meta.video_keys:
            names += [f"videos/{key}/{name}" for name in ("chunk_index", "file_index", "from_timestamp")]
        tables = [read_table(file, names, optional=["tasks"]) for file in files]
        self.columns = {name: np.concatenate([table[name] for table in tables]) for name in names}
        self.tasks = [tasks for table in tables for tasks in table.get("tasks", [()] * len(table["length"]))]
        self.order = np.argsort(self.columns["episode_index"], kind="stable")
        if len(np.unique(self.columns["episode_index"])) != len(self.order) or len(self.order) > MOST_EPISODES:
            raise FormatError(f"[{WHERE}] {self.folder}: expected every episode once, got one twice")

    def __len__(self) -> int:
        return len(self.order)

    def files(self, keys: Sequence[str]) -> Iterator[Path]:
        for template, prefix, key in [
            (self.rows, "data", {}),
            *((self.videos, f"videos/{key}", {"video_key": key}) for key in keys),
        ]:
            places = [self.columns[f"{prefix}/{name}"] for name in ("chunk_index", "file_index")]
            for chunk, file in np.unique(np.stack(places, axis=1).astype(np.int64), axis=0):
                yield self.meta.path(template, chunk_index=int(chunk), file_index=int(file), **key)

    def record(self, index: int) -> EpisodeRecord:
        row = int(self.order[index])
        frames = int(self.columns["length"][row])
        if not 1 <= frames <= MOST_FRAMES:
            raise FormatError(f"[{WHERE}] {self.folder}: expected a length of 1 to {MOST_FRAMES}, got {frames}")
        rows = self.meta.path(self.rows, **self._file(row, "data"))
        videos = {key: self._video(row, key) for key in self.meta.video_keys}
        texts = tuple(str(task) for task in (self.tasks[row] if self.tasks[row] is not None else ()))
        return EpisodeRecord(int(self.columns["episode_index"][row]), frames, texts, rows, videos)

    def _file(self, row: int, prefix: str) -> dict[str, int]:
        return {name: int(self.columns[f"{prefix}/{name}"][row]) for name in ("chunk_index", "file_index")}

    def _video(self, row: int, key: str) -> VideoPart:
        seconds = float(self.columns[f"videos/{key}/from_timestamp"][row])
        first = seconds * self.meta.frame_rate
        if not 0 <= first < 2**40:
            raise FormatError(f"[{WHERE}] {self.folder}: expected timestamps of at least 0, got {seconds} for {key}")
        return VideoPart(self.meta.path(self.videos, video_key=key, **self._file(row, f"videos/{key}")), round(first))


def kind_of(feature: Any) -> str:
    """The dtype of a feature; of what is none, an empty text."""
    return str(feature.get("dtype", "")) if isinstance(feature, Mapping) else ""


def filled(template: str, numbers: Mapping[str, int | str]) -> str:
    """A template with {name} and {name:03d} filled in; nothing else of Python's formatting is known here."""

    def value(match: re.Match[str]) -> str:
        number = numbers.get(match[1])
        if number is None:
            raise FormatError(f"[{WHERE}] path template: expected {', '.join(numbers)} in braces, got {match[1][:40]}")
        return str(number).rjust(int(match[2] or 0), "0")

    text = re.sub(r"\{(\w+)(?::0(\d)d)?\}", value, template)
    if "{" in text or "}" in text:
        raise FormatError(f"[{WHERE}] path template: expected {{name}} or {{name:03d}}, got {template[:80]!r}")
    return text


def read_text(path: Path) -> str:
    """A text file of bounded size. Raises FormatError naming it."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise FormatError(f"[{WHERE}] {path}: expected at most {LARGEST_JSON} bytes, got {path.stat().st_size}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "other bytes"
        raise FormatError(f"[{WHERE}] {path}: expected a readable text file, got {reason}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    return json_object(read_text(path), path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in a file of JSON lines."""
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    return [json_object(line, path) for line in lines]


def json_object(text: str, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"[{WHERE}] {path}: expected JSON, got {str(error)[:100]}") from error
    if not isinstance(value, dict):
        raise FormatError(f"[{WHERE}] {path}: expected a JSON object, got {type(value).__name__}")
    return value


def whole(line: Mapping[str, Any], name: str, path: Path, largest: int = MOST_EPISODES) -> int:
    """A whole number of a JSON object: of at least 1 for a length, else of at least 0."""
    value = line.get(name)
    least = 1 if name == "length" else 0
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= largest:
        raise FormatError(f"[{WHERE}] {path}: expected {name!r} in {least}..{largest}, got {str(value)[:40]}")
    return value


def texts_of(line: Mapping[str, Any]) -> tuple[str, ...]:
    """The tasks of an episode in words."""
    tasks = line.get("tasks", [])
    return tuple(str(task) for task in (tasks if isinstance(tasks, list) else [tasks]))
