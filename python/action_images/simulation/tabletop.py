# SPDX-License-Identifier: Apache-2.0
"""Pictures of tabletop scenes with MuJoCo, headless.

The model is compiled once; an episode only writes its fields. Without another choice in the environment
variable ``MUJOCO_GL``, pictures are rendered in software (OSMesa).
"""

from __future__ import annotations

import os
import sys
import weakref
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ..software_gl import load_triton_first
from .motion import matrix_from_euler
from .scene import BLOCKS, Scene

PALM_HEIGHT = 0.070
"""Distance [m] from the point between the fingertips up to the middle of the palm."""
FINGER_HALF_EXTENTS = np.array([0.011, 0.006, 0.036])
FINGERTIP_BELOW = 0.010
"""The fingers reach this far [m] beyond the gripper's position."""
CLOSED_GAP, OPENING = 0.008, 0.066
"""Gap [m] between the fingers at openness 0, and what openness 1 adds to it."""


@dataclass(frozen=True)
class Episode:
    """A rendered scene with its motion.

    video (V, T, H, W, 3) uint8; actions (T, 7) float64 [m, rad, openness]; intrinsics (V, 3, 3) [px];
    world_from_camera (V, 4, 4), OpenCV axes; goal (3,) the final gripper position of the named block;
    blocks: for each {"color", "goal" (3,), "center" (3,), "yaw"}, as plain numbers.
    """

    video: np.ndarray
    actions: np.ndarray
    intrinsics: np.ndarray
    world_from_camera: np.ndarray
    instruction: str
    target: str
    goal: np.ndarray
    blocks: list[dict]
    seed: int
    domain: str


def load_mujoco() -> ModuleType:
    """The module mujoco, set up for headless rendering.

    @throws ImportError that names the extra to install; RuntimeError if mujoco is already set up for a display
    that is not there.
    """
    if "MUJOCO_GL" not in os.environ and sys.modules.get("mujoco") and not os.environ.get("DISPLAY"):
        raise RuntimeError("[simulation] mujoco was imported before: set MUJOCO_GL=osmesa (or egl) in the environment")
    os.environ.setdefault("MUJOCO_GL", "osmesa")
    load_triton_first()
    try:
        import mujoco
    except ImportError as error:
        raise ImportError("simulation needs the extra: pip install action-images[simulation]") from error
    return mujoco


class TabletopScene:
    """A table with three blocks and a floating gripper, rendered from V cameras.

    @param height, width size of the pictures [px].   @param views V >= 1.
    @param supersample each pixel is the mean of supersample^2 rendered ones.

    One object belongs to one thread. Close it, or use it as a context manager, to free the renderer.
    """

    def __init__(self, height: int = 64, width: int = 64, views: int = 2, *, supersample: int = 2):
        for name, value in (("height", height), ("width", width), ("views", views), ("supersample", supersample)):
            if value < 1:
                raise ValueError(f"[simulation::TabletopScene] {name}: expected at least 1, got {value}")
        self.height, self.width, self.views, self.supersample = height, width, views, supersample
        self._mujoco = load_mujoco()
        self._model = self._mujoco.MjModel.from_xml_string(self._xml())
        self._data = self._mujoco.MjData(self._model)
        rendered = (height * supersample, width * supersample)
        self._renderer = self._mujoco.Renderer(self._model, *rendered, max_geom=64)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "FOG", "HAZE"):
            self._renderer.scene.flags[getattr(self._mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        self._finalizer = weakref.finalize(self, self._renderer.close)
        self._pixels = np.empty((*rendered, 3), np.uint8)

    def __enter__(self) -> TabletopScene:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Frees the renderer; the object cannot be used afterwards."""
        self._finalizer()

    def render_episode(self, scene: Scene, actions: np.ndarray | None = None, *, frames: int = 9) -> Episode:
        """Renders the scene while the gripper follows `actions` (T, 7), by default the expert's over `frames`.

        @throws ValueError if the actions are not (T, 7) finite numbers, or the scene has another number of views.
        """
        actions = scene.actions(frames) if actions is None else checked_actions(actions)
        self._arrange(scene)
        video = np.empty((self.views, len(actions), self.height, self.width, 3), np.uint8)
        for frame, action in enumerate(actions):
            self._move_gripper(action)
            for view in range(self.views):
                video[view, frame] = self._picture(view)
        return self._episode(scene, actions, video)

    def _episode(self, scene: Scene, actions: np.ndarray, video: np.ndarray) -> Episode:
        blocks = [
            {"color": b.color, "goal": b.goal.tolist(), "center": b.center.tolist(), "yaw": b.yaw} for b in scene.blocks
        ]
        return Episode(
            video=video,
            actions=actions,
            intrinsics=np.stack([camera.intrinsics(self.height, self.width) for camera in scene.cameras]),
            world_from_camera=np.stack([camera.world_from_camera for camera in scene.cameras]),
            instruction=scene.instruction,
            target=scene.blocks[scene.target].color,
            goal=scene.goal,
            blocks=blocks,
            seed=scene.seed,
            domain=scene.domain,
        )

    def _arrange(self, scene: Scene) -> None:
        """Writes everything that stays the same during an episode into the model."""
        if len(scene.cameras) != self.views:
            raise ValueError(
                f"[simulation::render_episode] scene: expected {self.views} cameras, got {len(scene.cameras)}"
            )
        model, look = self._model, scene.appearance
        for index, block in enumerate(scene.blocks):
            self._place(f"block_{index}", block.center, about_z(block.yaw))
            geom = model.geom(f"block_{index}")
            geom.size[:], geom.rgba[:3] = block.half_extents, block.rgb
        self._place("mat", np.array([*look.mat_center, 0.0]), about_z(look.mat_yaw))
        model.geom("mat").size[:2] = look.mat_half_extents
        model.geom("table").size[:2] = look.table_half_extents
        for name in ("table", "floor", "mat"):
            model.geom(name).rgba[:3] = getattr(look, name)
        model.light_dir[0], model.light_diffuse[0] = look.light_direction, look.light
        model.vis.headlight.ambient[:] = look.ambient
        for index, camera in enumerate(scene.cameras):
            rotation = camera.world_from_camera[:3, :3] * (1.0, -1.0, -1.0)  # MuJoCo's cameras look along -z, y up
            model.cam_pos[index] = camera.world_from_camera[:3, 3]
            model.cam_quat[index] = self._quaternion(rotation)
            model.cam_fovy[index] = np.degrees(camera.fovy)

    def _move_gripper(self, action: np.ndarray) -> None:
        position, rotation = action[:3], matrix_from_euler(action[3:6])
        reach = 0.5 * (CLOSED_GAP + OPENING * np.clip(action[6], 0.0, 1.0)) + FINGER_HALF_EXTENTS[1]
        self._place("gripper", position, rotation)
        self._place("finger_0", position + reach * rotation[:, 1], rotation)
        self._place("finger_1", position - reach * rotation[:, 1], rotation)
        self._mujoco.mj_kinematics(self._model, self._data)
        self._mujoco.mj_camlight(self._model, self._data)

    def _picture(self, view: int) -> np.ndarray:
        """The current state (H, W, 3) uint8 from one view."""
        self._renderer.update_scene(self._data, camera=view)
        self._renderer.render(out=self._pixels)
        step = self.supersample
        samples = self._pixels.reshape(self.height, step, self.width, step, 3)
        total = samples.sum(axis=(1, 3), dtype=np.uint32)
        return ((total + step * step // 2) // (step * step)).astype(np.uint8)

    def _place(self, body: str, position: np.ndarray, rotation: np.ndarray) -> None:
        index = self._model.body(body).mocapid[0]
        self._data.mocap_pos[index] = position
        self._data.mocap_quat[index] = self._quaternion(rotation)

    def _quaternion(self, rotation: np.ndarray) -> np.ndarray:
        quaternion = np.empty(4)
        self._mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation, dtype=np.float64).ravel())
        return quaternion

    def _xml(self) -> str:
        """The model, with nominal sizes and colours; the gripper's e_z points to the table."""
        block = '<body name="block_{0}" mocap="true"><geom name="block_{0}" size="0.04 0.025 0.025"/></body>'
        finger = (
            '<body name="finger_{0}" mocap="true"><geom size="%g %g %g" pos="0 0 %g" rgba="0.10 0.10 0.12 1"/></body>'
            % (*FINGER_HALF_EXTENTS, FINGERTIP_BELOW - FINGER_HALF_EXTENTS[2])
        )
        return f"""
        <mujoco model="tabletop">
          <statistic extent="1" center="0 0 0"/>
          <visual>
            <global offwidth="{self.width * self.supersample}" offheight="{self.height * self.supersample}"/>
            <quality shadowsize="0" offsamples="0"/>
            <headlight ambient="0.5 0.5 0.5" diffuse="0.12 0.12 0.12" specular="0 0 0"/>
            <map znear="0.05" zfar="12"/>
          </visual>
          <default><geom type="box" contype="0" conaffinity="0"/></default>
          <worldbody>
            <light directional="true" pos="0 0 2" dir="0 0 -1" ambient="0 0 0" specular="0 0 0" castshadow="false"/>
            {"".join(f'<camera name="view_{view}" pos="1 0 1"/>' for view in range(self.views))}
            <geom name="floor" size="5 5 0.01" pos="0 0 -0.16"/>
            <geom name="table" size="0.3 0.3 0.01" pos="0 0 -0.01"/>
            <body name="mat" mocap="true"><geom name="mat" size="0.05 0.2 0.0015"/></body>
            {"".join(block.format(index) for index in range(BLOCKS))}
            <body name="gripper" mocap="true">
              <geom name="palm" size="0.022 0.056 0.014" pos="0 0 {-PALM_HEIGHT}" rgba="0.93 0.93 0.96 1"/>
              <geom name="mark" size="0.008 0.026 0.014" pos="0.030 0 {-PALM_HEIGHT}" rgba="0.90 0.15 0.75 1"/>
              <geom name="wrist" type="cylinder" size="0.017 0.07" pos="0 0 {-PALM_HEIGHT - 0.08}"
                    rgba="0.38 0.34 0.46 1"/>
            </body>
            {"".join(finger.format(index) for index in range(2))}
          </worldbody>
        </mujoco>"""


def about_z(yaw: float) -> np.ndarray:
    """Rotation (3, 3) by `yaw` [rad] about world z."""
    return matrix_from_euler(np.array([0.0, 0.0, yaw]))


def checked_actions(actions: np.ndarray) -> np.ndarray:
    actions = np.asarray(actions, dtype=np.float64)
    if actions.ndim != 2 or actions.shape[1] != 7 or len(actions) == 0:
        raise ValueError(f"[simulation::render_episode] actions: expected (T, 7), got {actions.shape}")
    if not np.all(np.isfinite(actions)):
        raise ValueError("[simulation::render_episode] actions: expected finite numbers, got NaN or infinity")
    return actions
