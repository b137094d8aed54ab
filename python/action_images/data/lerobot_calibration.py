# SPDX-License-Identifier: Apache-2.0
"""meta/calibration.json of a LeRobot data set: its cameras, and how its features make seven numbers of an action."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import Camera, FormatError, load_rig
from .._codec import rig_from_text
from .action_columns import ActionColumns
from .lerobot_meta import LeRobotMeta, filled, read_json

WHERE = "data::lerobot"
FILE = "meta/calibration.json"
FORMAT, VERSION = "action-images-calibration", 1
ACTION_VIDEOS = "action_images."  # what write_lerobot adds: no cameras' pictures
PREFIX = "observation.images."
HELP = "docs/lerobot.md shows one"


class Calibration:
    """The side-car file. Raises FormatError naming what is missing, and what to write instead."""

    def __init__(self, meta: LeRobotMeta):
        self.meta, self.path = meta, meta.root / FILE
        if not self.path.is_file():
            raise FormatError(
                f"[{WHERE}] {self.path}: expected the cameras of {keys_text(camera_keys(meta))}, got no such file; {HELP}"
            )
        document = read_json(self.path)
        if document.get("format") != FORMAT or document.get("version") != VERSION:
            raise FormatError(
                f'[{WHERE}] {self.path}: expected "format": "{FORMAT}", "version": {VERSION}, got others; {HELP}'
            )
        self.cameras = self._mapping(document.get("cameras", {}), f"{self.path}: cameras")
        self.episode_files = str(document.get("episode_files", ""))
        self._check_complete()
        self.actions = self._actions(document)
        self._of_file = lru_cache(maxsize=1024)(self._read_episode_file)

    def view_keys(self) -> list[str]:
        """The video keys that are views, in the data set's order."""
        return [key for key in camera_keys(self.meta) if self.cameras.get(key, ...) is not None]

    def cameras_of(self, episode: int) -> dict[str, list[Camera]]:
        """The cameras of every view of an episode: one, or one of every frame."""
        own = self._of_file(episode) if self.episode_files else {}
        found = {key: own.get(key, self.cameras.get(key)) for key in self.view_keys()}
        missing = [key for key, cameras in found.items() if cameras is None]
        if missing:
            place = self._episode_file(episode) if self.episode_files else self.path
            raise FormatError(f"[{WHERE}] {place}: expected cameras of {keys_text(missing)}, got none; {HELP}")
        return found

    def _check_complete(self) -> None:
        missing = [key for key in camera_keys(self.meta) if key not in self.cameras]
        if missing and not self.episode_files:
            raise FormatError(
                f"[{WHERE}] {self.path}: expected cameras of {keys_text(missing)} (a rig.json with one view, or null to leave it "
                f"out), got none; {HELP}"
            )

    def _mapping(self, value: Any, name: str) -> dict[str, list[Camera] | None]:
        if not isinstance(value, Mapping):
            raise FormatError(
                f"[{WHERE}] {name}: expected an object with a rig of every video key, got {type(value).__name__}"
            )
        full = {key if key in self.meta.features else PREFIX + key: entry for key, entry in value.items()}
        unknown = [key for key in full if key not in self.meta.video_keys]
        if unknown:
            raise FormatError(
                f"[{WHERE}] {name}: expected keys among {keys_text(self.meta.video_keys)}, got {unknown[0]!r}"
            )
        return {key: self._cameras(entry, f"{name}.{key}") for key, entry in full.items()}

    def _cameras(self, entry: Any, name: str) -> list[Camera] | None:
        """The cameras of one view: of a rig's document, or of a file beside the calibration."""
        if entry is None:
            return None
        if isinstance(entry, str):
            if Path(entry).is_absolute() or ".." in Path(entry).parts:
                raise FormatError(f"[{WHERE}] {name}: expected a file beside calibration.json, got {entry[:80]!r}")
            rig = load_rig(self.path.parent / entry)
        else:
            rig = rig_from_text(json.dumps(entry), name)
        if len(rig) != 1:
            raise FormatError(f"[{WHERE}] {name}: expected a rig of one view, got {len(rig)}")
        return [rig.camera(0, time) for time in range(rig.frames)]

    def _episode_file(self, episode: int) -> Path:
        return self.meta.path("meta/" + filled(self.episode_files, {"episode_index": episode}))

    def _read_episode_file(self, episode: int) -> dict[str, list[Camera] | None]:
        path = self._episode_file(episode)
        return self._mapping(read_json(path).get("cameras", {}), f"{path}: cameras") if path.is_file() else {}

    def _actions(self, document: Mapping[str, Any]) -> ActionColumns | None:
        if "actions" not in document:
            raise FormatError(
                f'[{WHERE}] {self.path}: expected "actions" that say which features are position, rotation and gripper (or null '
                f"for videos alone), got none; {HELP}"
            )
        value = document["actions"]
        return None if value is None else ActionColumns(value, self.meta, f"{self.path}: actions")


def camera_keys(meta: LeRobotMeta) -> list[str]:
    """The video keys that may be cameras: all but action images."""
    return [key for key in meta.video_keys if not key.startswith(ACTION_VIDEOS)]


def view_name(key: str) -> str:
    """What a view is called: its video key without "observation.images."."""
    return key[len(PREFIX) :] if key.startswith(PREFIX) and len(key) > len(PREFIX) else key


def keys_text(keys: list[str]) -> str:
    return ", ".join(repr(key) for key in keys[:10]) or "video keys, of which there are none"
