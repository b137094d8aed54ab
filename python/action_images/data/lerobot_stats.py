# SPDX-License-Identifier: Apache-2.0
"""Statistics of features as LeRobot writes them: least, greatest, mean, standard deviation, count; by episode and of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SAMPLES = 100  # pictures of an episode and view that are looked at


class Moments:
    """Running statistics of values (n, ...) over the first axis."""

    def __init__(self) -> None:
        self.count = 0
        self.least = self.greatest = self.mean = self.square = None  # square: sum of squared distances from the mean

    def add(self, values: np.ndarray) -> None:
        """Adds n >= 1 values."""
        values = np.asarray(values, np.float64)
        self.merge(len(values), values.min(0), values.max(0), values.mean(0), ((values - values.mean(0)) ** 2).sum(0))

    def merge(self, count: int, least: Any, greatest: Any, mean: Any, square: Any) -> None:
        """Adds the statistics of others, by Chan's formula."""
        if not self.count:
            self.count, self.least, self.greatest, self.mean, self.square = count, least, greatest, mean, square
            return
        both, difference = self.count + count, mean - self.mean
        self.square = self.square + square + difference**2 * (self.count * count / both)
        self.mean = self.mean + difference * (count / both)
        self.least, self.greatest = np.minimum(self.least, least), np.maximum(self.greatest, greatest)
        self.count = both

    def take(self, other: Moments) -> None:
        self.merge(other.count, other.least, other.greatest, other.mean, other.square)

    def report(self, weight: int = 1) -> dict[str, list]:
        """As LeRobot writes it; `weight` values count as one."""
        deviation = np.sqrt(self.square / self.count)
        parts = {"min": self.least, "max": self.greatest, "mean": self.mean, "std": deviation}
        return {
            **{name: np.atleast_1d(value).tolist() for name, value in parts.items()},
            "count": [self.count // weight],
        }


class PictureMoments:
    """Statistics of the channels of pictures in [0, 1], shape (3, 1, 1), over every pixel of sampled pictures."""

    def __init__(self, frames: int = 1) -> None:
        self.step = max(1, -(-frames // SAMPLES))
        self.seen, self.pixels, self.moments = 0, 1, Moments()

    def add(self, pictures: np.ndarray) -> None:
        """Adds pictures (n, H, W, 3) uint8 that follow on those before; every step-th is looked at."""
        for picture in pictures[-self.seen % self.step :: self.step]:
            self.pixels = picture.shape[0] * picture.shape[1]
            counts = np.stack([np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)])
            self.add_counts(counts)
        self.seen += len(pictures)

    def add_counts(self, counts: np.ndarray) -> None:
        """Adds pixels by how often (3, 256) each value occurs."""
        levels = np.arange(256) / 255.0
        mean = (counts * levels).sum(1) / self.pixels
        square = (counts * (levels - mean[:, None]) ** 2).sum(1)
        least = levels[np.argmax(counts > 0, axis=1)]
        greatest = levels[255 - np.argmax(counts[:, ::-1] > 0, axis=1)]
        self.moments.merge(self.pixels, least, greatest, mean, square)

    def report(self) -> dict[str, list]:
        report = self.moments.report(self.pixels)
        return {
            name: value if name == "count" else np.reshape(value, (3, 1, 1)).tolist() for name, value in report.items()
        }


class Statistics:
    """Of every feature, over all episodes."""

    def __init__(self) -> None:
        self.rows: dict[str, Moments] = {}
        self.pictures: dict[str, PictureMoments] = {}

    def take_rows(self, columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, list]]:
        """Adds the columns of an episode; returns its own statistics."""
        reports = {}
        for name, values in columns.items():
            moments = Moments()
            moments.add(values)
            self.rows.setdefault(name, Moments()).take(moments)
            reports[name] = moments.report()
        return reports

    def take_pictures(self, name: str, pictures: PictureMoments) -> dict[str, list]:
        """Adds the pictures of an episode; returns their own statistics."""
        total = self.pictures.setdefault(name, PictureMoments())
        total.pixels = pictures.pixels
        total.moments.take(pictures.moments)
        return pictures.report()

    def report(self) -> dict[str, dict[str, list]]:
        """What meta/stats.json holds."""
        return {name: part.report() for part_of in (self.rows, self.pictures) for name, part in part_of.items()}
