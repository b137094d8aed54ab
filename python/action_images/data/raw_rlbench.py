# SPDX-License-Identifier: Apache-2.0
"""Raw demonstrations of RLBench: low_dim_obs.pkl beside <camera>_rgb/*.png."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import Camera, FormatError, Rig, convert_actions
from .._model import read_pickle_data
from ._episodes import Episode, Episodes, EpisodeView
from .raw_pictures import PictureFiles, natural, numbers_of, picture_files

WHERE = "data::raw_rlbench"
PICKLE, DESCRIPTIONS, PICTURES = "low_dim_obs.pkl", "variation_descriptions.pkl", "_rgb"
CLASSES = ("rlbench.demo.Demo", "rlbench.backend.observation.Observation")
FRAME_RATE = 20.0  # [1/s]: RLBench simulates in steps of 50 ms
LARGEST_PICKLE = 1 << 30  # [byte]


class RawRLBench(Episodes):
    """Every folder with a low_dim_obs.pkl below `path`, sorted by the numbers in their names.

    rig: cameras by name for demonstrations that do not hold them, else those of misc, camera-to-world with negative focal
    lengths, one of every frame. views: names of the cameras to take, in this order; by default all that there are.
    Pickles are read as data; nothing of them is executed. Raises FormatError for a folder without demonstrations.
    """

    frame_rate = FRAME_RATE

    def __init__(self, path: str | os.PathLike[str], *, rig: Rig | None = None, views: Sequence[str] | None = None):
        self.root, self.rig, self.views = Path(path), rig, None if views is None else list(views)
        self.folders = sorted((found.parent for found in self.root.rglob(PICKLE)), key=natural)
        if not self.folders:
            raise FormatError(f"[{WHERE}] {self.root}: expected demonstrations with a {PICKLE}, got none")
        self.name = f"RLBench's demonstrations in {self.root}"

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, index: int) -> Episode:
        folder = self.folders[index]
        observations = observations_of(folder / PICKLE)
        pictures = {name: self._pictures(folder, name, len(observations)) for name in self._names(folder)}
        views = [
            EpisodeView(self._cameras(folder, name, observations, files), files.array(), name=name)
            for name, files in pictures.items()
        ]
        actions = actions_of(observations, folder / PICKLE)
        return Episode(
            views, texts=texts_of(folder), actions=actions, frames=len(actions), frame_rate=FRAME_RATE, name=str(folder)
        )

    def _names(self, folder: Path) -> list[str]:
        found = sorted(
            path.name[: -len(PICTURES)] for path in folder.iterdir() if path.is_dir() and path.name.endswith(PICTURES)
        )
        missing = [name for name in self.views or [] if name not in found]
        if missing or not found:
            raise FormatError(
                f"[{WHERE}] {folder}: expected {missing[0] if missing else '<camera>'}{PICTURES}/, got {', '.join(found) or 'none'}"
            )
        return found if self.views is None else self.views

    def _pictures(self, folder: Path, name: str, frames: int) -> PictureFiles:
        files = picture_files(folder / f"{name}{PICTURES}")
        if len(files) != frames:
            raise FormatError(
                f"[{WHERE}] {folder / (name + PICTURES)}: expected {frames} pictures as observations, got {len(files)}"
            )
        return PictureFiles(files, WHERE)

    def _cameras(self, folder: Path, name: str, observations: list[dict[str, Any]], size: PictureFiles) -> list[Camera]:
        if self.rig is not None:
            return cameras_of_rig(self.rig, name, (size.height, size.width), WHERE)
        cameras = []
        for time, observation in enumerate(observations):
            misc = observation.get("misc")
            keys = [f"{name}_camera_{kind}" for kind in ("intrinsics", "extrinsics")]
            if not isinstance(misc, dict) or any(misc.get(key) is None for key in keys):
                raise FormatError(
                    f"[{WHERE}] {folder / PICKLE}: expected {keys[0]} and {keys[1]} in misc of observation {time} (or a rig), got none"
                )
            where = f"{folder / PICKLE}: observation {time}: "
            intrinsics = numbers_of(misc[keys[0]], (3, 3), where + keys[0], WHERE)
            pose = numbers_of(misc[keys[1]], (4, 4), where + keys[1], WHERE)
            cameras.append(Camera(intrinsics=intrinsics, world_from_camera=pose, width=size.width, height=size.height))
        return standing(cameras)


def observations_of(path: Path) -> list[dict[str, Any]]:
    """The attributes of the observations in a pickled Demo, or in a pickled list of them."""
    data = read_pickle_data(path, classes=CLASSES, largest=LARGEST_PICKLE)
    observations = data.get("_observations") if isinstance(data, dict) else data
    plain = isinstance(observations, list) and observations and all(isinstance(entry, dict) for entry in observations)
    if not plain:
        raise FormatError(f"[{WHERE}] {path}: expected a Demo with observations, got {type(data).__name__}")
    return observations


def actions_of(observations: list[dict[str, Any]], path: Path) -> np.ndarray:
    """Actions (T, 7) of gripper_pose (x y z qx qy qz qw) and gripper_open."""
    try:
        return convert_actions(action_rows(observations, path), source="quaternion")
    except ValueError as error:
        raise FormatError(f"[{WHERE}] {path}: {error}") from error


def action_rows(observations: list[dict[str, Any]], path: Path) -> np.ndarray:
    """Rows (T, 8): x y z qx qy qz qw openness, as RLBench's own actions."""
    rows = []
    for time, observation in enumerate(observations):
        pose = numbers_of(observation.get("gripper_pose"), (7,), f"{path}: gripper_pose of observation {time}", WHERE)
        openness = numbers_of(observation.get("gripper_open"), (), f"{path}: gripper_open of observation {time}", WHERE)
        rows.append(np.append(pose, np.clip(openness, 0.0, 1.0)))
    return np.stack(rows)


def texts_of(folder: Path) -> list[str]:
    """The descriptions of a demonstration's variation, which lie beside it or beside `episodes`; none if there are none."""
    for place in (folder, folder.parent.parent):
        path = place / DESCRIPTIONS
        if path.is_file():
            texts = read_pickle_data(path, largest=1 << 20)
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise FormatError(f"[{WHERE}] {path}: expected a list of texts, got something else")
            return texts
    return []


def cameras_of_rig(rig: Rig, name: str, size: tuple[int, int], where: str) -> list[Camera]:
    """The cameras of a view of a rig by its name, brought to the size of the pictures (height, width) [px]."""
    if name not in rig.names:
        raise FormatError(f"[{where}] rig: expected the view {name!r}, got {', '.join(rig.names)}")
    cameras = [rig.camera(rig.names.index(name), time) for time in range(rig.frames)]
    return standing([camera.center_crop_resize(*size) for camera in cameras])


def standing(cameras: list[Camera]) -> list[Camera]:
    """One camera if all are the same, else all."""

    def same(camera: Camera) -> bool:
        first = cameras[0]
        return np.array_equal(camera.intrinsics, first.intrinsics) and np.array_equal(
            camera.world_from_camera, first.world_from_camera
        )

    return cameras[:1] if all(map(same, cameras)) else cameras
