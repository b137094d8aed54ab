# SPDX-License-Identifier: Apache-2.0
"""Raw recordings of BridgeData V2: folders traj*/ with pictures and pickles, or the out.npy that are made of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import Camera, FormatError, Rig, convert_actions
from .._model import read_pickle_data
from ._episodes import Episode, Episodes, EpisodeView
from .action_columns import turned
from .raw_pictures import PictureFiles, natural, numbers_of, picture_files, stacked
from .raw_rlbench import cameras_of_rig

WHERE = "data::raw_bridge"
VIEWS = ("images0", "images1", "images2")
STATES, ARRAY, TEXT = "obs_dict.pkl", "out.npy", "lang.txt"
FRAME_RATE = 5.0  # [1/s], at which the arm was controlled and recorded
# The state's rotation is that of the gripper against its pose when it points down; there the arm's z axis points up. In
# the convention of action images e_z is the approach direction: half a turn about x.
STATE_FROM_GRIPPER = np.diag([1.0, -1.0, -1.0])
CameraEstimator = Callable[[list[np.ndarray]], list[Camera]]


class RawBridge(Episodes):
    """Every trajectory below `path`: folders with obs_dict.pkl and images<N>/im_*.jpg, and those inside every out.npy.

    rig: the cameras in the arm's frame, whose views are named as the folders of pictures, "images0", "images1", ...; those
    that it lacks are left out. Without it, estimate: the cameras of an episode from the first pictures (H, W, 3) of its
    views, those of `views` or of images0 to images2 that are there; then episodes have no actions, whose metres such
    cameras do not know. Actions are the gripper's measured poses, openness the state's last number. Texts are the
    lines of lang.txt, beside the trajectory or above it, without those of its confidence.

    Pickles are read as data; nothing of them is executed. Raises FormatError for a folder without trajectories.
    """

    frame_rate = FRAME_RATE

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rig: Rig | None = None,
        views: Sequence[str] | None = None,
        estimate: CameraEstimator | None = None,
    ):
        self.root, self.rig, self.estimate = Path(path), rig, estimate
        self.views = list(views or (VIEWS if rig is None else rig.names))
        found = [*self.root.rglob(STATES), *self.root.rglob(ARRAY)] if self.root.is_dir() else [self.root]
        self._array = lru_cache(maxsize=1)(trajectories_of)
        self.items: list[tuple[Path, int]] = []
        for file in sorted(found, key=natural):
            count = len(self._array(file)) if file.name != STATES else 1
            self.items += [(file, number) for number in range(count)]
        if not self.items:
            raise FormatError(f"[{WHERE}] {self.root}: expected trajectories with a {STATES}, or {ARRAY}, got none")
        self.name = f"BridgeData's recordings in {self.root}"

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Episode:
        file, number = self.items[index]
        if file.name == STATES:
            return self._of_folder(file.parent)
        return self._of_array(file, number)

    def _of_folder(self, folder: Path) -> Episode:
        states = read_pickle_data(folder / STATES, largest=1 << 30)
        states = states.get("full_state", states.get("state")) if isinstance(states, dict) else None
        pictures = {name: PictureFiles(picture_files(folder / name), WHERE) for name in self._names(folder)}
        arrays = {name: files.array() for name, files in pictures.items()}
        return self._episode(str(folder), arrays, states, folder / STATES, texts_of(folder))

    def _names(self, folder: Path) -> list[str]:
        found = [name for name in self.views if (folder / name).is_dir()]
        if not found:
            got = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir())) or "none"
            raise FormatError(
                f"[{WHERE}] {folder}: expected pictures of {', '.join(self.views)}, the rig's views, got {got}"
            )
        return found

    def _of_array(self, file: Path, number: int) -> Episode:
        trajectory, name = self._array(file)[number], f"{file}: trajectory {number}"
        steps = trajectory.get("observations") if isinstance(trajectory, dict) else None
        if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
            raise FormatError(f"[{WHERE}] {name}: expected observations, got none")
        names = [view for view in self.views if view in steps[0]]
        if not names:
            raise FormatError(
                f"[{WHERE}] {name}: expected pictures of {', '.join(self.views)}, the rig's views, got {', '.join(map(str, steps[0]))}"
            )
        arrays = {
            view: stacked(((f"{name}: {view}", step.get(view)) for step in steps), len(steps), WHERE) for view in names
        }
        states = [step.get("state") for step in steps]
        return self._episode(name, arrays, states, Path(name), language_of(trajectory) or texts_of(file.parent))

    def _episode(
        self, name: str, pictures: dict[str, np.ndarray], states: Any, path: Path, texts: list[str]
    ) -> Episode:
        actions = actions_of(states, path)
        cameras = self._cameras(pictures)
        views = []
        for view, frames in pictures.items():
            if abs(len(frames) - len(actions)) > 1:  # a recording may end with a picture or with a state
                raise FormatError(
                    f"[{WHERE}] {name}: expected {len(actions)} pictures of {view} as states, got {len(frames)}"
                )
            views.append(EpisodeView(cameras[view], frames, name=view))
        frames = min(len(actions), *(len(array) for array in pictures.values()))
        known = actions[:frames] if self.rig is not None else None
        return Episode(views, texts=texts, actions=known, frames=frames, frame_rate=FRAME_RATE, name=name)

    def _cameras(self, pictures: dict[str, np.ndarray]) -> dict[str, list[Camera]]:
        if self.rig is not None:
            return {view: cameras_of_rig(self.rig, view, frames.shape[1:3], WHERE) for view, frames in pictures.items()}
        cameras = self.estimate([np.asarray(frames[0]) for frames in pictures.values()])
        return {view: [camera] for view, camera in zip(pictures, cameras)}


def actions_of(states: Any, path: Path) -> np.ndarray:
    """Actions (T, 7) of states (T, 7): x y z [m], roll pitch yaw about fixed axes [rad], gripper 0 closed .. 1 open."""
    rows = numbers_of(states, (-1, 7), f"{path}: states", WHERE).copy()
    rows[:, 6] = np.clip(rows[:, 6], 0.0, 1.0)
    return turned(convert_actions(rows, source="euler"), STATE_FROM_GRIPPER)


def trajectories_of(path: Path) -> list[Any]:
    """The trajectories in an out.npy: an array of objects, whose pickle is read as data."""
    try:
        with open(path, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            _, _, dtype = header(stream)
            offset = stream.tell()
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"[{WHERE}] {path}: expected an array of numpy, got {str(error)[:100]}") from error
    if dtype != np.dtype(object):
        raise FormatError(f"[{WHERE}] {path}: expected an array of objects, got dtype {dtype}")
    trajectories = read_pickle_data(path, offset=offset, largest=64 << 30)
    if not isinstance(trajectories, list):
        raise FormatError(f"[{WHERE}] {path}: expected trajectories, got {type(trajectories).__name__}")
    return trajectories


def texts_of(folder: Path) -> list[str]:
    """The instructions in lang.txt of a trajectory or of a folder above it; none if there is none."""
    for place in (folder, *list(folder.parents)[:4]):
        path = place / TEXT
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace")[: 1 << 20].splitlines()
            return [line.strip() for line in lines if line.strip() and not line.lower().startswith("confidence")]
    return []


def language_of(trajectory: dict[str, Any]) -> list[str]:
    """The instructions inside a trajectory of out.npy, which has one for every step, or none."""
    language = trajectory.get("language", [])
    texts = [language] if isinstance(language, str) else [text for text in language if isinstance(text, str)]
    return list(dict.fromkeys(text for text in texts if text.strip()))
