# SPDX-License-Identifier: Apache-2.0
"""Samples of a data set to look at: videos with their action images beside them, and a page that holds them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from .. import encode
from ..presentation.files import filled_folder, write_durably
from ..presentation.panels import panel, upscale
from ._dataset import Dataset, Sample
from ._dataset import open as open_data

WHERE = "data::preview"
FRAME_RATE = 10.0  # of a data set that does not say [1/s]


@dataclass(frozen=True)
class Shown:
    """A sample in a file."""

    file: str
    title: str
    text: str
    facts: str


def preview(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    samples: int = 6,
    frames: int = 41,
    size: tuple[int, int] | None = None,
    convention: str = "paper",
    seed: int = 0,
    progress: Callable[..., object] | None = None,
) -> list[str]:
    """Writes sample_<N>.mp4 and index.html, which holds the videos itself; returns the names of the files.

    source: a spec or a data set. samples: of episodes spread over the data set; frames: most frames of one. Each video has
    a row for every view: [picture | action image | both], or the picture alone if there are no actions. size: (height,
    width) [px] of the pictures. Files of the same names are replaced.
    """
    dataset = open_data(source, frames=frames, size=size, seed=seed)
    count = min(samples, len(dataset))
    if not count:
        raise ValueError(f"[{WHERE}] source: expected at least one episode, got none")
    shown = []
    with filled_folder(folder, WHERE) as temporary:
        for number, index in enumerate(np.linspace(0, len(dataset) - 1, count).round().astype(int)):
            shown.append(write_sample(temporary, number, dataset, int(index), convention))
            if progress is not None:
                progress(1, "")
        write_durably(temporary / "index.html", page(dataset.name, len(dataset), shown, temporary))
    return [*(sample.file for sample in shown), "index.html"]


def write_sample(folder: Path, number: int, dataset: Dataset, index: int, convention: str) -> Shown:
    """Writes the video of one episode's sample."""
    from .._model import write_video

    sample, rate = dataset[index], dataset.episodes[index].frame_rate or FRAME_RATE
    name = f"sample_{number:03d}.mp4"
    write_video(
        folder / name, pictures_of(sample, convention), fps=float(np.clip(rate / sample.interval, 1.0, 60.0)), crf=18
    )
    views, frames, height, width = sample.video.shape[:4]
    facts = f"{views} views of {height} x {width}, {frames} frames from {sample.start} on, every {sample.interval}."
    facts += "" if sample.actions is not None else " No actions."
    return Shown(name, sample.name, sample.text, facts)


def pictures_of(sample: Sample, convention: str) -> np.ndarray:
    """The frames (T, H, W, 3) of a sample's video."""
    rows = list(sample.video)
    if sample.actions is not None:
        rows = [panel(video, action) for video, action in zip(rows, encode(sample.actions, sample.rig, convention))]
    return np.ascontiguousarray(upscale(np.concatenate(rows, axis=1)))


def page(name: str, episodes: int, shown: list[Shown], folder: Path) -> str:
    """The page: every video is inside it."""
    template = (Path(__file__).parent.parent / "presentation/preview.html").read_text(encoding="utf-8")
    figures = []
    for sample in shown:
        video = base64.b64encode((folder / sample.file).read_bytes()).decode()
        texts = (escape(sample.text) or "<i>no instruction</i>", escape(sample.title), escape(sample.facts))
        figures.append(
            f'<figure><video controls loop muted playsinline src="data:video/mp4;base64,{video}"></video>'
            f"<figcaption><b>{texts[0]}</b><span>{texts[1]}</span><span>{texts[2]}</span></figcaption></figure>"
        )
    return Template(template).substitute(
        name=escape(name), episodes=episodes, samples=len(shown), figures="\n".join(figures)
    )
