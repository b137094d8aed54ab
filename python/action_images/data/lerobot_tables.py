# SPDX-License-Identifier: Apache-2.0
"""Columns of parquet files as numpy arrays, of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import FormatError

WHERE = "data::lerobot"
LARGEST_COLUMNS = 2 << 30  # [byte], of the columns that are read, uncompressed


def parquet() -> Any:
    """The module pyarrow.parquet. Raises ImportError that says how to get it."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("LeRobot data sets need pyarrow: pip install 'action-images[data]'") from error
    return pyarrow.parquet


def read_table(
    path: Path, names: Sequence[str], *, optional: Sequence[str] = (), episode: int | None = None
) -> dict[str, Any]:
    """Columns by name: numbers as arrays (rows,) or (rows, n), texts and lists of texts as lists.

    optional: names that may be missing. episode: only the rows with this episode_index.
    Raises FormatError naming the file: missing, damaged, without a column, above 2 GiB, with rows of different sizes.
    """
    pq = parquet()
    import pyarrow

    try:
        with pq.ParquetFile(path) as file:
            wanted = [*names, *(name for name in optional if name in file.schema_arrow.names)]
            missing = [name for name in wanted if name not in file.schema_arrow.names]
            if missing:
                known = ", ".join(file.schema_arrow.names[:20])
                raise FormatError(f"[{WHERE}] {path}: expected the column {missing[0]!r}, got {known}")
            groups = row_groups(file, episode)
            check_size(file, groups, set(wanted), path)
            read = list(dict.fromkeys([*wanted, "episode_index"] if episode is not None else wanted))
            table = (
                file.read_row_groups(groups, columns=read) if groups else file.schema_arrow.empty_table().select(read)
            )
    except (OSError, pyarrow.ArrowException) as error:
        raise FormatError(f"[{WHERE}] {path}: expected a readable parquet file, got {str(error)[:160]}") from error
    if episode is not None:
        import pyarrow.compute as compute

        table = table.filter(compute.equal(table["episode_index"], episode))
    return {name: values_of(table[name], f"{path}: {name}") for name in wanted}


def row_groups(file: Any, episode: int | None) -> list[int]:
    """The row groups in which an episode may have rows, as their statistics say; all without an episode."""
    every = list(range(file.metadata.num_row_groups))
    names = file.schema_arrow.names
    if episode is None or "episode_index" not in names:
        return every
    column = next(i for i in range(file.metadata.num_columns) if file.metadata.schema.column(i).path == "episode_index")

    def may_hold(group: int) -> bool:
        statistics = file.metadata.row_group(group).column(column).statistics
        known = statistics is not None and statistics.has_min_max
        return not known or statistics.min <= episode <= statistics.max

    return [group for group in every if may_hold(group)]


def check_size(file: Any, groups: Sequence[int], names: set[str], path: Path) -> None:
    """Raises FormatError if the columns would take too much memory."""
    size = 0
    for group in groups:
        row_group = file.metadata.row_group(group)
        columns = (row_group.column(i) for i in range(row_group.num_columns))
        size += sum(c.total_uncompressed_size for c in columns if {c.path_in_schema, top_of(c.path_in_schema)} & names)
    if size > LARGEST_COLUMNS:
        raise FormatError(f"[{WHERE}] {path}: expected columns of at most {LARGEST_COLUMNS} bytes, got {size}")


def top_of(path_in_schema: str) -> str:
    """The column that a leaf of the schema such as "action.list.element" belongs to."""
    for ending in (".list.element", ".list.item"):
        if path_in_schema.endswith(ending):
            return path_in_schema[: -len(ending)]
    return path_in_schema


def values_of(column: Any, name: str) -> Any:
    """A column of numbers as an array (rows,) or (rows, n); of anything else as a list."""
    import pyarrow

    column = column.combine_chunks()
    if isinstance(column, pyarrow.ChunkedArray):  # of no chunks at all
        column = pyarrow.concat_arrays(column.chunks) if column.chunks else pyarrow.array([], column.type)
    types = pyarrow.types
    if types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type):
        if types.is_string(column.type.value_type) or types.is_large_string(column.type.value_type):
            return column.to_pylist()
        return rows_of(column, name)
    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type):
        return numbers_of(column, name)
    return column.to_pylist()


def rows_of(column: Any, name: str) -> np.ndarray:
    """A column of lists of numbers, which have to be of one size, as (rows, n)."""
    if column.null_count:
        raise FormatError(f"[{WHERE}] {name}: expected numbers in every row, got an empty one")
    flat = numbers_of(column.flatten(), name)
    rows = len(column)
    if not rows:
        return flat.reshape(0, 0)
    import pyarrow.compute as compute

    sizes = compute.unique(compute.list_value_length(column)).to_pylist()
    if len(sizes) != 1 or not sizes[0]:
        raise FormatError(f"[{WHERE}] {name}: expected rows of one size, got {sizes[:5]}")
    return flat.reshape(rows, sizes[0])


def numbers_of(array: Any, name: str) -> np.ndarray:
    import pyarrow

    numeric = pyarrow.types
    plain = numeric.is_integer(array.type) or numeric.is_floating(array.type) or numeric.is_boolean(array.type)
    if not plain or array.null_count:
        raise FormatError(
            f"[{WHERE}] {name}: expected numbers in every row, got {array.type} with {array.null_count} empty"
        )
    return array.to_numpy(zero_copy_only=False)
