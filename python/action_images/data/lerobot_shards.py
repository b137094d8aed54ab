# SPDX-License-Identifier: Apache-2.0
"""Files of a LeRobot v3.0 data set of bounded size: many episodes in each parquet file and in each video."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._model import VideoWriter
from .lerobot_tables import parquet

FILES_OF_A_CHUNK = 1000
ROWS = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_OF_A_TABLE = 256


class Shards:
    """The numbers of a row of files, and where the present one lies."""

    def __init__(self, root: Path, template: str):
        self.root, self.template, self.number = root, template, 0

    def indices(self) -> dict[str, int]:
        return {"chunk_index": self.number // FILES_OF_A_CHUNK, "file_index": self.number % FILES_OF_A_CHUNK}

    def path(self) -> Path:
        path = self.root / self.template.format(**self.indices())
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class TableShards:
    """Rows in parquet files; a new file begins once one has `largest` bytes."""

    def __init__(self, root: Path, template: str, schema: Any, largest: int):
        self.shards, self.schema, self.largest, self.writer = Shards(root, template), schema, largest, None

    def add(self, columns: Mapping[str, Any]) -> None:
        """Appends one row group."""
        import pyarrow

        if self.writer is None:
            self.writer = parquet().ParquetWriter(self.shards.path(), self.schema, compression="snappy")
        arrays = [arrow_array(columns[field.name], field.type) for field in self.schema]
        self.writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self.schema))

    def make_room(self) -> dict[str, int]:
        """Where the next rows go, after the present file was ended if it is full."""
        if self.writer is not None and self.shards.path().stat().st_size >= self.largest:
            self.close()
            self.shards.number += 1
        return self.shards.indices()

    def close(self) -> None:
        """Ends the present file and brings it to the disk."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
            to_disk(self.shards.path())


class VideoShards:
    """Pictures of one video key in videos; a new video begins once one has `largest` bytes."""

    def __init__(self, root: Path, key: str, size: tuple[int, int], options: Mapping[str, Any], largest: int):
        self.shards = Shards(root, VIDEOS.replace("{video_key}", key))
        self.size, self.options, self.largest = size, options, largest
        self.writer: VideoWriter | None = None
        self.frames = 0

    def begin(self, fps: float) -> dict[str, Any]:
        """Where the next episode lies: chunk_index, file_index and from_timestamp [s]."""
        if self.writer is not None and self._bytes() >= self.largest:
            self.close()
            self.shards.number += 1
        if self.writer is None:
            self.writer, self.frames = VideoWriter(self.shards.path(), *self.size, **self.options), 0
        return {**self.shards.indices(), "from_timestamp": self.frames / fps}

    def add(self, frames: np.ndarray) -> None:
        """Appends frames (n, H, W, 3) uint8."""
        self.writer.add(frames)
        self.frames += len(frames)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.finish()
            self.writer = None

    def _bytes(self) -> int:
        """Bytes of the present video so far, which has another name until it is complete."""
        number = self.shards.number % FILES_OF_A_CHUNK
        done = {f"file-{earlier:03d}.mp4" for earlier in range(number)}
        return sum(file.stat().st_size for file in self.shards.path().parent.iterdir() if file.name not in done)


def arrow_array(values: Any, kind: Any) -> Any:
    """Values as an array of an arrow type; (n, k) numbers as lists of fixed size."""
    import pyarrow

    if pyarrow.types.is_fixed_size_list(kind):
        flat = np.ascontiguousarray(values).reshape(-1)
        return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(flat, kind.value_type), kind.list_size)
    return pyarrow.array(values, kind)


def to_disk(path: Path) -> None:
    """Brings a file that others wrote to the disk."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
