# SPDX-License-Identifier: Apache-2.0
"""Where the weights of VGGT lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import _model, hub

VARIABLE = "ACTION_IMAGES_VGGT"
HUB_ID = "facebook/VGGT-1B"
FILES = ("model.safetensors", "model.pt", "vggt_1B_commercial.pt")


def weights_of(weights: Any, checkpoints: str | os.PathLike, where: str) -> tuple[_model.VGGT | Path, str]:
    """The network, or the path of its weights, and a name for it. Raises ValueError if there are none."""
    if isinstance(weights, _model.VGGT):
        return weights, "in memory"
    if weights is None:
        path = _default(Path(checkpoints), where)
        return path, os.fspath(path)
    if not isinstance(weights, (str, os.PathLike)):
        got = type(weights).__name__
        raise ValueError(f"[{where}] weights: expected a path, a name on the Hub or a VGGT, got {got}")
    name = os.fspath(weights)
    if hub.is_hub_id(name):
        return hub.download(name, checkpoints=checkpoints, allow_patterns=_patterns(name)), name
    return _existing(Path(weights), "weights", where), name


def _patterns(name: str) -> tuple[str, ...]:
    """One copy of the weights is enough."""
    return (FILES[2],) if name.endswith("-Commercial") else (FILES[0], "config.json")


def _existing(path: Path, argument: str, where: str) -> Path:
    if not path.exists():
        expected = "a file of VGGT's weights or a folder with one"
        raise ValueError(f"[{where}] {argument}: expected {expected}, got no such path: {path}")
    return path


def _default(checkpoints: Path, where: str) -> Path:
    named = os.environ.get(VARIABLE)
    if named:
        return _existing(Path(named), VARIABLE, where)
    folder = checkpoints / HUB_ID.replace("/", "--")
    if any((folder / name).is_file() for name in FILES):
        return folder
    cached = _in_hub_cache()
    if cached is not None:
        return cached
    raise ValueError(
        f"[{where}] weights: expected VGGT's weights, got none in ${VARIABLE} or {folder}. "
        f'Name a file, or "{HUB_ID}" to download it (5 GB; its licence is CC-BY-NC-4.0, not for commercial use; '
        f"facebook/VGGT-1B-Commercial is the other one)"
    )


def _in_hub_cache() -> Path | None:
    """The file in the Hub's own cache, if its package is there; nothing is downloaded."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    for name in FILES[:2]:
        found = try_to_load_from_cache(HUB_ID, name)
        if isinstance(found, str):
            return Path(found)
    return None
