# SPDX-License-Identifier: Apache-2.0
"""Episodes and sources of them, native and of one's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from .. import model as _model_first  # noqa: F401  torch's libraries before ours, and the errors that say what is missing
from .. import _model
from .._model import Episode, EpisodeSource, EpisodeView, video_frames

for _class in (Episode, EpisodeView):
    _class.__module__ = __name__.rpartition(".")[0]  # errors and help name the public place
del _class


class Episodes(ABC):
    """A data set: `len` and `[i] -> Episode`. Derive from it, or give anything else that has these two.

    Attributes that are used if they are there: `name`, a text for messages; `fingerprint`, a text that changes when
    the data does; `layout`, where the data is from, such as "rlbench", for mixtures of tasks that depend on it. `__getitem__` is called from other threads, one call
    at a time. Data sets that were opened are of this class too.
    """

    @abstractmethod
    def __len__(self) -> int:
        """The number of episodes."""

    @abstractmethod
    def __getitem__(self, index: int) -> Episode:
        """The episode of a number; what it raises makes the episode a bad one, which is reported and counted."""


Episodes.register(EpisodeSource)


def add_kind(kind: str, open: Callable[[str], Any]) -> None:
    """Makes specs "kind:path" known, here and in C++: `open(path)` gives an `Episodes`.

    Raises ValueError for a name that is built in, or has anything but a-z, 0-9 and _.
    """
    _model.add_episode_kind(kind, open)


def kinds() -> list[str]:
    """The kinds of data sets that specs may name, sorted."""
    return _model.episode_kinds()
