# SPDX-License-Identifier: Apache-2.0
"""Data sets of robot demonstrations: read, cut into clips, written. Needs torch.

>>> from action_images import data
>>> demonstrations = data.open("rlbench:data/rlbench")       # or a path whose layout is recognised
>>> sample = demonstrations[0]                               # .text .video (V, T, H, W, 3) .actions (T, 7) .rig
>>> data.write_native(demonstrations, "data/native")

A data set of your own is a list of `Episode`s, or anything else with `__len__` and `__getitem__`; see `Episodes`.
"""

from __future__ import annotations

from ._dataset import Dataset, Sample, open
from ._episodes import Episode, Episodes, EpisodeView, add_kind, kinds, video_frames
from ._native import write_native
from ._sampler import ClipLoader, ClipSampler, check_source
from .lerobot import LeRobotEpisodes
from .lerobot_write import write_lerobot

add_kind("lerobot", LeRobotEpisodes)

__all__ = [
    "ClipLoader",
    "ClipSampler",
    "Dataset",
    "Episode",
    "EpisodeView",
    "Episodes",
    "Sample",
    "add_kind",
    "check_source",
    "kinds",
    "open",
    "video_frames",
    "write_lerobot",
    "write_native",
]
