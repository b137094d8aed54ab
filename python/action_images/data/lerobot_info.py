# SPDX-License-Identifier: Apache-2.0
"""meta/info.json and meta/tasks.parquet of the LeRobot v3.0 data sets that are written here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .lerobot_shards import FILES_OF_A_CHUNK, ROWS, VIDEOS, to_disk
from .lerobot_tables import parquet

ACTION_NAMES = ["x", "y", "z", "ex", "ey", "ez", "openness"]
DEFAULTS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
STATE, ACTION = "observation.state", "action"
NUMBERS_OF_ACTIONS = {STATE: "float64", ACTION: "float32"}


def features_of(videos: Mapping[str, tuple[int, int]], actions: bool, video_info: Mapping[str, Any]) -> dict[str, Any]:
    """The features of a data set. videos: height and width [px] by video key."""
    features: dict[str, Any] = {}
    for key, (height, width) in videos.items():
        info = {"video.height": height, "video.width": width, **video_info}
        features[key] = {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": info,
        }
    for key, dtype in NUMBERS_OF_ACTIONS.items() if actions else ():
        features[key] = {"dtype": dtype, "shape": [7], "names": ACTION_NAMES}
    for key, dtype in DEFAULTS.items():
        features[key] = {"dtype": dtype, "shape": [1], "names": None}
    return features


def rows_schema(features: Mapping[str, Any]) -> Any:
    """The schema of the rows of data/."""
    import pyarrow

    fields = []
    for key, feature in features.items():
        if feature["dtype"] == "video":
            continue
        number = pyarrow.type_for_alias(feature["dtype"].replace("float64", "double").replace("float32", "float"))
        fields.append((key, pyarrow.list_(number, feature["shape"][0]) if feature["shape"] != [1] else number))
    return pyarrow.schema(fields)


def episodes_schema(features: Mapping[str, Any]) -> Any:
    """The schema of meta/episodes: whose rows and seconds are whose, and the statistics of every episode."""
    import pyarrow

    whole, real, text = pyarrow.int64(), pyarrow.float64(), pyarrow.string()
    fields = [("episode_index", whole), ("tasks", pyarrow.list_(text)), ("length", whole)]
    fields += [(f"data/{name}", whole) for name in ("chunk_index", "file_index")]
    fields += [("dataset_from_index", whole), ("dataset_to_index", whole)]
    for key, feature in features.items():
        if feature["dtype"] == "video":
            fields += [(f"videos/{key}/{name}", whole) for name in ("chunk_index", "file_index")]
            fields += [(f"videos/{key}/{name}", real) for name in ("from_timestamp", "to_timestamp")]
    for key, feature in features.items():
        value = pyarrow.list_(real)
        if feature["dtype"] == "video":
            value = pyarrow.list_(pyarrow.list_(value))
        fields += [(f"stats/{key}/{name}", value) for name in ("min", "max", "mean", "std")]
        fields += [(f"stats/{key}/count", pyarrow.list_(whole))]
    fields += [(f"meta/episodes/{name}", whole) for name in ("chunk_index", "file_index")]
    return pyarrow.schema(fields)


def info_of(
    features: Mapping[str, Any], counts: Mapping[str, int], fps: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What meta/info.json holds."""
    return {
        "codebase_version": "v3.0",
        "robot_type": options["robot_type"],
        **counts,
        "chunks_size": FILES_OF_A_CHUNK,
        "data_files_size_in_mb": max(1, options["data_bytes"] >> 20),
        "video_files_size_in_mb": max(1, options["video_bytes"] >> 20),
        "fps": int(fps) if float(fps).is_integer() else fps,
        "splits": {"train": f"0:{counts['total_episodes']}"},
        "data_path": ROWS,
        "video_path": VIDEOS,
        "features": features,
    }


def write_tasks(root: Path, tasks: Sequence[str]) -> None:
    """Writes meta/tasks.parquet: a table of pandas whose index is the task and whose column its number."""
    import pyarrow

    path = root / "meta/tasks.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    column = {"metadata": None}
    columns = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64", **column},
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", **column},
    ]
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": columns,
        "creator": {"library": "pyarrow"},
        "pandas_version": "2.0.0",
    }
    table = pyarrow.table({"task_index": pyarrow.array(range(len(tasks)), pyarrow.int64()), "task": list(tasks)})
    parquet().write_table(table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()}), path)
    to_disk(path)
