# SPDX-License-Identifier: Apache-2.0
"""Writes an episode as the files that users work with: pictures, rig, scene and actions."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np

from .output import write_atomically
from .tabletop import Episode

ACTION_COLUMNS = ("x", "y", "z", "ex", "ey", "ez", "openness")


def write_scene(folder: str | os.PathLike, episode: Episode) -> None:
    """Writes view_0.png, view_1.png, ... (first frames), rig.json, scene.json and actions.csv into `folder`.

    @throws ImportError if Pillow is missing; OSError if the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for view, frames in enumerate(episode.video):
        write_atomically(folder / f"view_{view}.png", png(frames[0]))
    write_json(folder / "rig.json", rig(episode))
    write_json(folder / "scene.json", scene(episode))
    write_atomically(folder / "actions.csv", csv(episode.actions).encode())


def rig(episode: Episode) -> dict:
    """The cameras as the object that a rig file holds."""
    height, width = episode.video.shape[2:4]
    views = [
        {
            "name": f"view_{view}",
            "width": width,
            "height": height,
            "intrinsics": intrinsics.tolist(),
            "world_from_camera": world_from_camera.tolist(),
        }
        for view, (intrinsics, world_from_camera) in enumerate(zip(episode.intrinsics, episode.world_from_camera))
    ]
    return {"format": "action-images-rig", "version": 1, "views": views}


def scene(episode: Episode) -> dict:
    """The task and the truth about it, as plain numbers and text."""
    return {
        "format": "action-images-scene",
        "version": 1,
        "instruction": episode.instruction,
        "target": episode.target,
        "goal": episode.goal.tolist(),
        "blocks": episode.blocks,
        "seed": episode.seed,
        "domain": episode.domain,
    }


def csv(actions: np.ndarray) -> str:
    """A table with a header and one row for each action, in full precision."""
    rows = [",".join(ACTION_COLUMNS), *(",".join(repr(float(value)) for value in action) for action in actions)]
    return "\n".join(rows) + "\n"


def png(image: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as the bytes of a PNG file."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("simulation needs the extra: pip install action-images[simulation]") from error
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return content.getvalue()


def write_json(path: Path, content: dict) -> None:
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
