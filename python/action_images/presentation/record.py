# SPDX-License-Identifier: Apache-2.0
"""What the presentation reads of a rollout, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from action_images import Camera, Rig, ShapeError
from action_images.point_cloud import PointCloud
from action_images.presentation.panels import check_frames


def plain(value):
    """`value` as what JSON knows: arrays become lists, numbers that are not finite None, the unknown its text."""
    if hasattr(value, "tolist") and not isinstance(value, (str, bytes)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


@dataclass(frozen=True)
class RecordedCamera:
    """A camera: intrinsics (3, 3) [px], world_from_camera (4, 4) [m], picture size [px], lens as `Camera` names it."""

    name: str
    intrinsics: np.ndarray
    world_from_camera: np.ndarray
    width: int
    height: int
    lens: str = "none"
    distortion: tuple = ()

    @property
    def camera(self):
        """The `action_images.Camera`."""
        return Camera(**{name: value for name, value in vars(self).items() if name != "name"})

    def as_json(self):
        return plain(vars(self))


@dataclass(frozen=True)
class RolloutRecord:
    """A rollout as the presentation reads it; make one with `RolloutRecord.of`."""

    video: np.ndarray  # (V, T, H, W, 3) uint8; of a rollout without video its first picture, T times
    action_images: np.ndarray | None = None  # the same shape
    actions: np.ndarray | None = None  # (T, 7)
    confidence: np.ndarray | None = None  # (T,)
    cameras: tuple = ()  # V RecordedCamera, or none
    instruction: str = ""
    settings: dict = field(default_factory=dict)
    timings: dict = field(default_factory=dict)  # [s]
    goal: np.ndarray | None = None  # (3,) [m]
    blocks: tuple = ()  # of {"color": str, "center": (3,)}
    still: bool = False  # no video was made
    moving: tuple = ()  # V times T cameras, if the rig moves
    scene: PointCloud | None = None  # what the pictures show, in the cameras' frame and unit

    @classmethod
    def of(cls, rollout):
        """Reads an object with attributes, or a mapping: video, action_images, actions, confidence, rig, settings,
        timings and, if there, instruction, goal, blocks, scene (a PointCloud).

        Raises ShapeError or ValueError naming what does not fit; a RolloutRecord passes unchanged.
        """
        if isinstance(rollout, cls):
            return rollout
        read = rollout.get if isinstance(rollout, Mapping) else lambda name: getattr(rollout, name, None)
        video, still = _shown(check_frames("presentation::RolloutRecord", "video", read("video"), 5), read("action_images"))
        settings = dict(read("settings") or {})
        instruction = read("instruction") or settings.get("instruction") or settings.get("prompt") or ""
        return cls(
            video=video,
            action_images=_same_shape(read("action_images"), video),
            actions=_numbers("actions", read("actions"), (video.shape[1], 7)),
            confidence=_numbers("confidence", read("confidence"), (video.shape[1],)),
            cameras=_cameras(read("rig"), video),
            instruction=str(instruction),
            settings=settings,
            timings=dict(read("timings") or {}),
            goal=_numbers("goal", read("goal"), (3,)),
            blocks=tuple(read("blocks") or ()),
            still=still,
            moving=_moving(read("rig"), video.shape[1]),
            scene=_cloud(read("scene")),
        )

    def camera(self, view, time):
        """The camera of a view at a frame."""
        return self.moving[view][time] if self.moving else self.cameras[view].camera

    @property
    def rig(self):
        """The cameras as an `action_images.Rig`, or None."""
        if not self.cameras:
            return None
        cameras = [list(cameras) for cameras in self.moving] or [camera.camera for camera in self.cameras]
        return Rig(cameras, names=[camera.name for camera in self.cameras])

    @property
    def estimated(self):
        """What the settings say of cameras that were estimated from the pictures, or None if they were measured."""
        cameras = self.settings.get("cameras")
        return cameras if isinstance(cameras, Mapping) and cameras.get("estimated") else None

    @property
    def unit(self):
        """Of lengths: "m", or "scene units" with estimated cameras, unless the settings' cameras have the unit "m"."""
        return "m" if self.estimated is None or self.estimated.get("unit") == "m" else "scene units"

    @property
    def views(self):
        return self.video.shape[0]

    @property
    def frames(self):
        return self.video.shape[1]

    @property
    def positions(self):
        """(T, 3) gripper positions [m], or None."""
        return None if self.actions is None else self.actions[:, :3]

    def viewing_rate(self):
        """Frames per second to look at it: the settings' "fps"; else a clip of about three seconds, 4 to 30."""
        fps = self.settings.get("fps")
        return float(fps) if fps else float(np.clip(round(self.frames / 3), 4, 30))


def _shown(video, action_images):
    """The video, or where there is one picture beside T action images, T times that; and whether it is so."""
    frames = 1 if action_images is None else np.shape(action_images)[1]
    still = video.shape[1] == 1 and frames > 1
    return (np.repeat(video, frames, axis=1) if still else video), still


def _moving(rig, frames):
    if not getattr(rig, "is_moving", False):
        return ()
    if rig.frames != frames:
        raise ShapeError(f"[presentation::RolloutRecord] rig: expected cameras of {frames} frames, got {rig.frames}")
    return tuple(tuple(rig.camera(view, time) for time in range(frames)) for view in range(len(rig)))


def _cloud(scene):
    if scene is not None and not isinstance(scene, PointCloud):
        raise ValueError(f"[presentation::RolloutRecord] scene: expected a PointCloud, got {type(scene).__name__}")
    return scene


def _same_shape(action_images, video):
    if action_images is None:
        return None
    action_images = check_frames("presentation::RolloutRecord", "action_images", action_images, 5)
    if action_images.shape != video.shape:
        raise ShapeError(
            f"[presentation::RolloutRecord] action_images: expected {video.shape}, got {action_images.shape}"
        )
    return action_images


def _numbers(argument, values, shape):
    if values is None:
        return None
    values = np.asarray(values, dtype=np.float64)
    if values.shape != shape:
        raise ShapeError(f"[presentation::RolloutRecord] {argument}: expected {shape}, got {values.shape}")
    return values


def _cameras(rig, video):
    if rig is None:
        return ()
    height, width = video.shape[2:4]
    cameras = []
    for index, camera in enumerate(rig):
        intrinsics = _numbers(f"rig[{index}].intrinsics", camera.intrinsics, (3, 3))
        pose = _numbers(f"rig[{index}].world_from_camera", camera.world_from_camera, (4, 4))
        size = int(getattr(camera, "width", width)), int(getattr(camera, "height", height))
        name = getattr(camera, "name", "") or f"view_{index}"
        lens = str(getattr(camera, "lens", "none")), tuple(getattr(camera, "distortion", ()))
        cameras.append(RecordedCamera(str(name), intrinsics, pose, *size, *lens))
    if len(cameras) != len(video):
        raise ShapeError(f"[presentation::RolloutRecord] rig: expected {len(video)} cameras, got {len(cameras)}")
    return tuple(cameras)
