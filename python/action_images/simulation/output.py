# SPDX-License-Identifier: Apache-2.0
"""What the simulation leaves behind for others to see: files that are never half-written, and progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that its name always stands for the old or the new content, complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def progress_bar(show: bool, total: int, done: int = 0) -> Iterator[Callable[[int], object]]:
    """A function that counts finished episodes, shown as a bar if wanted and if rich is installed."""
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        show = False
    if not show:
        yield lambda count: None
        return
    columns = (TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("episodes", total=total, completed=done)
        yield lambda count: progress.advance(task, count)
