# SPDX-License-Identifier: Apache-2.0
"""Writing of the library's own layout."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ._dataset import episodes_of
from ._episodes import _model


def write_native(
    source: Any,
    folder: str | os.PathLike,
    *,
    crf: float = 18.0,
    lossless: bool = False,
    size: tuple[int, int] | None = None,
    threads: int = 1,
    progress: Callable[[int, int], Any] | None = None,
) -> None:
    """Writes episodes in the layout that docs/datasets.md describes.

    source: what `open` gives or takes: a data set, a spec, a list of `Episode`s. folder: empty, not there, or what a
        stopped call with the same arguments left, which is then continued; `dataset.json` appears last.
    crf: of H.264, 0 best .. 51. lossless: pixels are kept exactly, in mp4s that only FFmpeg's players show. size:
        (height, width) of the pictures; by default each view's own. threads: episodes at a time; 0: one for every core.
    progress: called with (episodes done, all); returning False, or raising, stops.

    Raises ValueError for a folder with other files; FormatError naming an episode that cannot be read.
    """
    height, width = size or (0, 0)
    _model.write_native(
        episodes_of(source),
        folder,
        crf=crf,
        lossless=lossless,
        size=(height, width),
        threads=threads,
        progress=progress,
    )
