# SPDX-License-Identifier: Apache-2.0
"""Raw recordings of BridgeData V2 and RLBench as episodes, told apart by their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .. import Rig
from . import raw_bridge, raw_rlbench
from ._episodes import Episodes

KINDS = ("bridge", "rlbench")


def kind_of_recordings(path: str | os.PathLike[str]) -> str | None:
    """Which recordings a folder (or an out.npy) holds; None if it holds none that is known."""
    path = Path(path)
    if path.name == raw_bridge.ARRAY:
        return "bridge"
    marks = {raw_rlbench.PICKLE: "rlbench", raw_bridge.STATES: "bridge", raw_bridge.ARRAY: "bridge"}
    for _, _, files in os.walk(path):
        for mark, kind in marks.items():
            if mark in files:
                return kind
    return None


def open_recordings(
    kind: str,
    path: str | os.PathLike[str],
    *,
    rig: Rig | None = None,
    views: Sequence[str] | None = None,
    estimate: raw_bridge.CameraEstimator | None = None,
) -> Episodes:
    """The recordings of a kind below a path. estimate: of Bridge without a rig, gives the cameras of an episode.

    Raises ValueError for another kind, or for Bridge with neither or both.
    """
    if kind not in KINDS:
        raise ValueError(f"[data::open_recordings] kind: expected {' or '.join(KINDS)}, got {kind!r}")
    if kind == "rlbench":
        return raw_rlbench.RawRLBench(path, rig=rig, views=views)
    if rig is not None and estimate is not None:
        raise ValueError("[data::open_recordings] rig, estimate: expected one of them, got both")
    if rig is None and estimate is None:
        raise ValueError(
            "[data::open_recordings] rig: expected the cameras, which Bridge's recordings do not hold, got none"
        )
    return raw_bridge.RawBridge(path, rig=rig, views=views, estimate=estimate)
