# SPDX-License-Identifier: Apache-2.0
"""The action head: given to `WorldModel.generate`, and trained."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from . import _model
from ._memory import enough_memory


def action_head(value: Any, where: str) -> _model.ActionHead:
    """An ActionHead, loaded if a path is given. Raises ValueError for something else."""
    if isinstance(value, _model.ActionHead):
        return value
    if isinstance(value, (str, os.PathLike)):
        return _model.ActionHead.load(os.fspath(value))
    raise ValueError(f"[{where}] action_head: expected an ActionHead or a path, got {type(value).__name__}")


def train_action_head(
    model: Any,
    data: Any,
    *,
    progress: Callable[[str, int, int, float], Any] | None = None,
    **options: Any,
) -> _model.ActionHead | None:
    """Trains an action head for a world model: it generates the clips and learns what the codec misread.

    model: a WorldModel. data: what data.open or data.ClipSampler takes (docs/datasets.md): a path, "spec@ratio,spec@ratio",
    episodes; clips in the model's size are cut from it, and their recorded actions are what is learned. progress:
    called with (stage, done, all, loss), stage "clips" while clips are generated, then "steps"; returning False stops,
    which returns None.

    options: steps (2000), batch (32), clips (0: one of every episode; N: so many, drawn from the data), views (0: all of
    an episode, in their order; N: so many, drawn for every clip), seed (0), hidden (512), layers (3), latent_pool (4),
    position_scale (0.1 m), learning_rate (1e-3), weight_decay (0.01), clip_norm (1.0), weights ({"position": 1,
    "rotation": 1, "openness": 1}), cache (a folder that keeps what was generated). Equal options give equal weights on
    one machine at one number of torch's threads.

    Raises FormatError for an unknown option or data that cannot be read; ValueError for a value out of range, or clips
    that do not fit the model or have no actions; NumericalError if the loss is not finite.
    """
    from .data._dataset import mixture_of

    native = getattr(model, "_native", None)
    if not isinstance(native, _model.WorldModel):
        raise ValueError(f"[train::train_action_head] model: expected a WorldModel, got {type(model).__name__}")
    if "cache" in options:
        options["cache"] = os.fspath(options["cache"])
    with enough_memory("train::train_action_head"):
        return _model.train_action_head(native, mixture_of(data), json.dumps(options), progress)
