# SPDX-License-Identifier: Apache-2.0
"""Data sets whose items are samples: pictures, actions and cameras."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import Rig
from ._episodes import Episodes, _model
from .lerobot import is_lerobot

WHERE = "data::open"


@dataclass(frozen=True)
class Sample:
    """Some frames of an episode, the same of all views."""

    text: str  #: instruction; may be empty
    video: np.ndarray  #: (V, T, H, W, 3) uint8
    actions: np.ndarray | None  #: (T, 7) x y z [m], ex ey ez [rad], openness; None if the episode has none
    rig: Rig  #: cameras of `video`; of all T frames if one moves
    name: str = ""  #: of the episode
    start: int = 0  #: frame of the episode
    interval: int = 1  #: frame t is that of the episode at start + t * interval, or its last
    views: tuple[int, ...] = field(default=())  #: their numbers in the episode


class Dataset:
    """What `open` gives: `len`, `[i] -> Sample`, iteration. It may be used from several threads."""

    def __init__(self, episodes: Any, options: Any, seed: int):
        self._episodes = episodes
        self._options = options
        self._seed = seed

    @property
    def episodes(self) -> Episodes:
        """The episodes, whose pictures are not read yet."""
        return self._episodes

    @property
    def name(self) -> str:
        return self._episodes.name

    @property
    def notices(self) -> list[str]:
        """What should be known about the data, such as values that its files lack and what stands for them."""
        return self._episodes.notices

    def fingerprint(self) -> str:
        """A text that changes when the data does; empty if the data set cannot say."""
        return self._episodes.fingerprint()

    def __len__(self) -> int:
        return len(self._episodes)

    def __getitem__(self, index: int) -> Sample:
        """Raises IndexError past the end; FormatError naming the file that is missing or damaged."""
        index = operator.index(index)
        episode = self._episodes[index]
        number = index if index >= 0 else index + len(self)
        return sample_of(_model.cut_clip(episode, self._options, _model.clip_seed(self._seed, number)))

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}: {len(self)} episodes)"


def open(
    spec: Any,
    *,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    views: int | None = None,
    interval: int | None = None,
    augmentation: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Dataset:
    """Opens a data set; item i is a sample of episode i.

    spec: "kind:path" with a kind of `kinds()`, a path whose layout is recognised, several of these separated by commas
        (one after the other), or `Episodes` of your own.
    frames: T; by default whole episodes. A window of a longer episode begins anywhere; the last frame of a shorter one is
        repeated. size: (height, width) of the pictures, which are cropped to its aspect ratio and resized; by default that
        of the first view. views: V views, distinct and in random order; by default all. interval: frames from one of the
        sample to the next; by default as the data set says, usually 1. augmentation: {"brightness", "contrast",
        "saturation", "crop"}, see docs/datasets.md. seed: what is drawn follows from it and the number of the episode.

    Raises ValueError for a kind or an option that there is not; FormatError for a folder that holds no data set.
    """
    return Dataset(episodes_of(spec), window_options(frames, size, views, interval, augmentation), seed)


def episodes_of(spec: Any) -> Any:
    """The native source of a spec, several specs separated by commas, or episodes of any kind."""
    if isinstance(spec, Dataset):
        return spec.episodes
    if isinstance(spec, (str, os.PathLike)) and is_lerobot(spec):
        spec = f"lerobot:{os.fspath(spec)}"
    if isinstance(spec, str) and "," in spec and not os.path.exists(spec):
        return _model.joined_episodes([part.strip() for part in spec.split(",") if part.strip()])
    return _model.episode_source(spec)


def mixture_of(data: Any) -> Any:
    """A mixture as the native side takes it: of a text, of pairs (what `open` takes, ratio), or of one data set alone."""
    if isinstance(data, str) and not os.path.exists(data):
        return data
    if isinstance(data, Sequence) and not isinstance(data, str) and all(isinstance(part, tuple) for part in data):
        return [(episodes_of(source), float(ratio)) for source, ratio in data]
    return [(episodes_of(data), 1.0)]


def window_options(
    frames: int | None,
    size: tuple[int, int] | None,
    views: int | None,
    interval: int | None,
    augmentation: Mapping[str, float] | None,
) -> Any:
    """The native options; None is what `open` says."""
    amounts = dict(augmentation or {})
    changes = tuple(float(amounts.pop(name, 0.0)) for name in ("brightness", "contrast", "saturation", "crop"))
    if amounts:
        known = "brightness, contrast, saturation and crop"
        raise ValueError(f"[{WHERE}] augmentation: expected the keys {known}, got {sorted(amounts)[0]!r}")
    height, width = size or (0, 0)
    return _model.WindowOptions(frames or 0, (height, width), views or 0, interval or 0, changes)


def sample_of(clip: Any) -> Sample:
    """The Python face of a native clip; the pictures are not copied."""
    return Sample(
        text=clip.text,
        video=clip.video.numpy(),
        actions=clip.actions,
        rig=clip.rig,
        name=clip.episode,
        start=clip.start,
        interval=clip.interval,
        views=tuple(clip.views),
    )
