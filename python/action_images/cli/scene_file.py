# SPDX-License-Identifier: Apache-2.0
"""What is known of a scene (scene.json), and how far from the named block a gripper ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import FormatError
from .output import read_json


@dataclass(frozen=True)
class KnownScene:
    """blocks: {"color", "center" (3,), "goal" (3,), ...}, positions in metres; target: the colour of one of them."""

    blocks: list[dict]
    target: str

    def named_block(self, prompt: str) -> dict:
        """The block whose colour the prompt names, or the scene's own target if it names none or several."""
        words = set(re.findall(r"\w+", prompt.lower()))
        named = [block for block in self.blocks if block["color"] in words]
        return named[0] if len(named) == 1 else next(block for block in self.blocks if block["color"] == self.target)


def read_scene(path: Path) -> KnownScene:
    """Reads a scene file. Raises FormatError naming what is wrong in it."""
    scene = read_json(path, "cli::read_scene")
    if not isinstance(scene, dict) or scene.get("format") != "action-images-scene":
        raise FormatError(f"[cli::read_scene] {path}: expected format action-images-scene, got another")
    blocks, target = scene.get("blocks"), scene.get("target")
    if not isinstance(blocks, list) or not all(_is_block(block) for block in blocks):
        raise FormatError(
            f"[cli::read_scene] {path}: blocks: expected color, center (3,) and goal (3,) of each, got others"
        )
    if target not in [block["color"] for block in blocks]:
        raise FormatError(f"[cli::read_scene] {path}: target: expected the color of a block, got {target!r}")
    return KnownScene(blocks, target)


def ending(actions: np.ndarray, block: dict | None, unit: str = "m") -> str:
    """One sentence about where a gripper that follows `actions` (T, 7) ends, and how far from a block's goal."""
    position = actions[-1, :3]
    if not np.isfinite(position).all():
        return "gripper: its action images cannot be read, no position"
    text = "gripper ends at ({:.3f}, {:.3f}, {:.3f}) {}".format(*position, unit)
    if block is None:
        return text
    distance = 1000.0 * np.linalg.norm(position - block["goal"])
    return f"{text}, {distance:.0f} mm from the {block['color']} block"


def _is_block(block: object) -> bool:
    return (
        isinstance(block, dict)
        and isinstance(block.get("color"), str)
        and all(_is_position(block.get(name)) for name in ("center", "goal"))
    )


def _is_position(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(isinstance(x, (int, float)) for x in value)
