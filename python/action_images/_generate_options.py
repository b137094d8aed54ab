# SPDX-License-Identifier: Apache-2.0
"""The options of WorldModel.generate, as Python has them, turned into the native module's."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _model
from ._action_head import action_head
from ._inputs import number, numbers, whole_number

LARGEST = 2**31 - 1
WHOLE = {"frames": (1, LARGEST), "steps": (1, 10000), "seed": (0, 2**64 - 1)}
FLOATS = ("guidance", "guidance_rescale", "shift", "sigma_min", "step_cache_threshold")
ARRAYS = ("actions", "first_action")
PAIRS = {"guidance_interval": float, "tile_size": int, "tile_stride": int}


def native_options(where: str, *, view_actions: Any, view_actions_of: Any, **given: Any) -> _model.GenerateOptions:
    """`_model.GenerateOptions` of what is not None. Raises ValueError naming what is of another kind or out of range."""
    options = _model.GenerateOptions()
    for name, value in given.items():
        if value is not None:
            getattr(options, f"set_{name}")(_native_value(name, value, where))
    if view_actions is not None:
        options.set_view_actions(numbers(view_actions, "view_actions", where), str(view_actions_of))
    return options


def _native_value(name: str, value: Any, where: str) -> Any:
    if name in WHOLE:
        return whole_number(value, name, where, low=WHOLE[name][0], high=WHOLE[name][1])
    if name in FLOATS:
        return number(value, name, where)
    if name in ARRAYS:
        return numbers(value, name, where)
    if name in PAIRS:
        return _pair(name, value, where)
    if name == "action_views":
        return _views(value, where)
    if name == "action_head":
        return action_head(value, where)
    if name == "extra_one_step":
        return bool(value)
    return str(value)


def _pair(name: str, value: Any, where: str) -> tuple[Any, Any]:
    pair = numbers(value, name, where)
    if pair.shape != (2,) or (PAIRS[name] is int and not np.all(pair == np.round(pair))):
        kind = "whole numbers" if PAIRS[name] is int else "numbers"
        raise ValueError(f"[{where}] {name}: expected two {kind}, got {value!r}")
    return tuple(PAIRS[name](entry) for entry in pair)


def _views(value: Any, where: str) -> list[int]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError(f"[{where}] action_views: expected a list of views, got {value!r}")
    return [whole_number(view, "action_views", where, low=0, high=LARGEST) for view in value]
