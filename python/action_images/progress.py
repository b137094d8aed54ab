# SPDX-License-Identifier: Apache-2.0
"""How far a long task is: a bar on a terminal (with rich), else now and then a line. Both on the standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_bar(show: bool, total: int, done: int = 0, label: str = "episodes") -> Iterator[Callable[..., None]]:
    """Yields advance(count=1, note=""), which counts what is finished; the note stands behind the count."""
    if not show:
        yield lambda count=1, note="": None
        return
    bar = _rich_bar(label) if sys.stderr.isatty() else None
    if bar is None:
        yield _Lines(label, total, done)
        return
    with bar:
        task = bar.add_task(label, total=total, completed=done, note="")
        yield lambda count=1, note="": bar.update(task, advance=count, note=note)


@contextmanager
def bytes_bar(show: bool, label: str) -> Iterator[Callable[[int, int], None]]:
    """Yields progress(done, total) of bytes, as loading and converting weights call it."""
    megabyte = 10**6
    with ExitStack() as opened:
        bar: Callable[..., None] | None = None
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal bar, shown
            if bar is None:
                bar = opened.enter_context(progress_bar(show, -(-total // megabyte), label=f"{label} MB"))
            now = -(-done // megabyte)
            bar(now - shown)
            shown = now

        yield progress


class Percent:
    """Called as loading and estimating call back, (part, done, all): counts one part, most of the work, in whole percents."""

    def __init__(self, advance: Callable[..., None], part: str):
        self.advance, self.part, self.shown = advance, part, 0

    def __call__(self, part: str, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1) if part == self.part else self.shown
        if percent > self.shown:
            self.advance(percent - self.shown)
            self.shown = percent


def _rich_bar(label: str):
    """A bar, or None without rich."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        return None
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True))


class _Lines:
    """Progress as lines: the end, and before it one in a while."""

    def __init__(self, label: str, total: int, done: int):
        self.label, self.total, self.done = label, total, done
        self.shown = time.monotonic()

    def __call__(self, count: int = 1, note: str = "") -> None:
        self.done += count
        now = time.monotonic()
        if (count and self.done >= self.total) or now - self.shown >= SECONDS_BETWEEN_LINES:
            self.shown = now
            print(f"{self.label} {self.done}/{self.total} {note}".rstrip(), file=sys.stderr, flush=True)
