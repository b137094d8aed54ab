# SPDX-License-Identifier: Apache-2.0
"""Clips of mixtures of data sets, without end, and their loading in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ._dataset import Sample, episodes_of, mixture_of, sample_of, window_options
from ._episodes import _model


class ClipSampler:
    """Clips of a mixture: `sampler[index]` follows from the seed and the index alone, on any thread and in any order.

    Source, episode, window, views and text are drawn from a hash of them. An episode that cannot be read is counted and
    reported, and the index draws again; when more than `max_bad_share` are bad, FormatError says which and why.
    """

    def __init__(
        self,
        mixture: Any,
        *,
        root: str = "",
        frames: int = 41,
        size: tuple[int, int] | None = (512, 512),
        views: int | None = 2,
        interval: int | None = None,
        augmentation: Mapping[str, float] | None = None,
        seed: int = 0,
        max_bad_share: float = 0.05,
        on_bad: Callable[[dict[str, Any]], Any] | None = None,
    ):
        """Opens the data sets.

        mixture: "spec@ratio,spec@ratio", pairs of what `open` takes and its ratio, or one data set, as `open` takes it.
            root: the folder of specs that are names only, as "rlbench@0.7,droid@0.3". frames, size, views, interval,
            augmentation: as `open`'s.
        max_bad_share: of the draws; of the first 100 as many may be bad as of 100. on_bad: called with {"name",
            "reason", "rejected"} for each bad episode, on any thread.

        Raises ValueError for an unknown kind, an empty data set, or a ratio that is no number above 0.
        """
        given = mixture if root and isinstance(mixture, str) else mixture_of(mixture)
        window = window_options(frames, size, views, interval, augmentation)
        self._native = _model.ClipSampler(given, root, window, seed, max_bad_share, on_bad)

    def __getitem__(self, index: int) -> Sample:
        """Any index from 0 on. Raises FormatError when too many episodes are bad."""
        if index < 0:
            raise IndexError(f"clip {index}: expected an index of at least 0")
        return sample_of(self._native.clip(index))

    @property
    def episodes(self) -> int:
        """How many there are in all data sets."""
        return self._native.episodes()

    def report(self) -> dict[str, Any]:
        """{"draws", "bad", "rejected", "reasons": {reason: count}} so far."""
        return self._native.report()

    def fingerprint(self) -> str:
        """A text that changes when the data, the mixture or the options do."""
        return self._native.fingerprint()


class ClipLoader:
    """Samples of a `ClipSampler` in order, made in advance on threads: the same ones for any number of threads.

    Iterate over it once. Errors of a sample come when it is its turn.
    """

    def __init__(
        self,
        sampler: ClipSampler,
        indices: Iterable[int],
        *,
        threads: int = 2,
        max_clips: int = 8,
        max_bytes: int = 2 << 30,
        pin_memory: bool = False,
    ):
        """indices: of the sampler, in order. max_clips, max_bytes: bounds of what is made in advance, by number and by the
        bytes of the pictures. pin_memory: page-locked pictures, where there is CUDA."""
        self._native = _model.ClipLoader(sampler._native, list(indices), threads, max_clips, max_bytes, pin_memory)

    def __iter__(self) -> Iterator[Sample]:
        return self

    def __next__(self) -> Sample:
        clip = self._native.next()
        if clip is None:
            raise StopIteration
        return sample_of(clip)

    @property
    def wait_seconds(self) -> float:
        """How long iteration has waited for samples [s]."""
        return self._native.wait_seconds()


def check_source(
    source: Any, *, read_pictures: bool = True, threads: int = 1, progress: Callable[[int, int], Any] | None = None
) -> dict[str, Any]:
    """Reads every episode of what `open` gives or takes and counts.

    Keys: "name", "notices", "episodes", "bad" ([{"name", "reason", "rejected"}]), and of the good ones "frames", "seconds",
    "shortest" and "longest" [frames], "with_actions", "with_texts", "moving_cameras" [episodes], "view_sizes" ({"name
    height x width": views}), "view_counts" ({views: episodes}), "openness" (frames by tenths), "seen" and "unseen" (frames
    whose gripper is in a picture, or in none).

    read_pictures: the first, middle and last frame of every view too. threads: 0 is one for every core. progress: called
    with (episodes done, all); returning False, or raising, stops.
    """
    return _model.check_source(episodes_of(source), read_pictures, threads, progress)
