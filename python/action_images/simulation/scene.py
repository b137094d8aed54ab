# SPDX-License-Identifier: Apache-2.0
"""Random tabletop scenes: what stands where, where the cameras are, and what the gripper is asked to do.

A scene is a small immutable description that does not need a simulator: its expert motion and its
cameras are computed here, its pictures by :class:`action_images.simulation.TabletopScene`. Lengths are
metres, angles radians, and the table's top is the plane z = 0.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .motion import action_points, euler_from_matrix, matrix_about, minimum_jerk, pointing_down, slerp

SCENE = "tabletop-1"
"""Name and version of the distribution of scenes; it changes whenever the same seed gives another picture."""

COLORS = {
    "red": (0.86, 0.10, 0.09),
    "green": (0.10, 0.66, 0.16),
    "blue": (0.10, 0.24, 0.92),
    "yellow": (0.96, 0.84, 0.08),
}
"""The blocks' colours by name, RGB in [0, 1] before jitter."""

TASKS = ("reach", "grasp")
DOMAINS = {"train": 0x7EA1, "eval": 0xE7A1}
EVAL_SHARE = 8
"""One of this many layouts belongs to the evaluation domain."""

BLOCKS = 3
PICTURE_MARGIN = 1.0 / 16.0
"""The action's points stay this fraction of the picture's height away from its border."""


@dataclass(frozen=True)
class Block:
    """A block that lies on the table with its long axis at `yaw` from world x."""

    color: str
    rgb: tuple[float, float, float]
    center: np.ndarray
    half_extents: np.ndarray
    yaw: float

    @property
    def goal(self) -> np.ndarray:
        """Centre (3,) of the top face: where the gripper's position ends when it is sent to this block."""
        return self.center + np.array([0.0, 0.0, self.half_extents[2]])


@dataclass(frozen=True)
class CameraPose:
    """A camera without a picture size: `world_from_camera` (4, 4), OpenCV axes, and the vertical field of view."""

    world_from_camera: np.ndarray
    fovy: float

    def intrinsics(self, height: int, width: int) -> np.ndarray:
        """Matrix (3, 3) [px] for a picture of that size, pixel centres at +0.5."""
        focal = 0.5 * height / np.tan(0.5 * self.fovy)
        return np.array([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Image coordinates (..., 2) of points (..., 3), as fractions of the picture's height from its centre.

        Points at or behind the camera give NaN.
        """
        in_camera = (points - self.world_from_camera[:3, 3]) @ self.world_from_camera[:3, :3]
        depth = np.where(in_camera[..., 2:] > 1e-6, in_camera[..., 2:], np.nan)
        return 0.5 / np.tan(0.5 * self.fovy) * in_camera[..., :2] / depth


@dataclass(frozen=True)
class Appearance:
    """Colours (RGB in [0, 1]) of everything but blocks and gripper, and the one directional light."""

    table: np.ndarray
    floor: np.ndarray
    mat: np.ndarray
    table_half_extents: np.ndarray
    mat_half_extents: np.ndarray
    mat_center: np.ndarray
    mat_yaw: float
    light_direction: np.ndarray
    light: float
    ambient: float


@dataclass(frozen=True)
class Scene:
    """One scene and its task; see :func:`sample_scene`."""

    domain: str
    seed: int
    blocks: tuple[Block, ...]
    target: int
    task: str
    start_position: np.ndarray
    start_rotation: np.ndarray
    appearance: Appearance
    cameras: tuple[CameraPose, ...]

    @property
    def instruction(self) -> str:
        """The sentence that names the task, such as ``"grasp the red block"``."""
        return f"{self.task} the {self.blocks[self.target].color} block"

    @property
    def goal(self) -> np.ndarray:
        """Final gripper position (3,)."""
        return self.blocks[self.target].goal

    def actions(self, frames: int = 9) -> np.ndarray:
        """The expert's actions (frames, 7): x y z, fixed-axes xyz angles, openness in [0, 1].

        A minimum-jerk motion from the start pose to the goal; a grasp closes over the last third of it.
        """
        if frames < 2:
            raise ValueError(f"[simulation::actions] frames: expected at least 2, got {frames}")
        time = np.linspace(0.0, 1.0, frames)
        fraction = minimum_jerk(time)
        position = self.start_position + fraction[:, None] * (self.goal - self.start_position)
        goal = goal_rotation(self.blocks[self.target].yaw, self.start_rotation)
        rotation = slerp(self.start_rotation, goal, fraction)
        openness = np.ones(frames) if self.task == "reach" else np.clip(3.0 * (1.0 - time), 0.0, 1.0)
        return np.concatenate([position, euler_from_matrix(rotation), openness[:, None]], axis=1)


def goal_rotation(block_yaw: float, start_rotation: np.ndarray) -> np.ndarray:
    """Straight down, e_x along the block's long axis, in the sense (of two) nearer to the start's e_x."""
    goal = pointing_down(block_yaw)
    return goal if goal[:, 0] @ start_rotation[:, 0] >= 0.0 else pointing_down(block_yaw + np.pi)


def scene_domain(blocks: Sequence[Block], target: int) -> str:
    """The domain, "train" or "eval", that this layout belongs to, whatever seed produced it.

    Decided by a SHA-256 digest of the target's colour and of the blocks' colours and centres in whole
    millimetres, in the order of the colours' names; one layout in `EVAL_SHARE` is for evaluation.
    """
    layout = sorted((block.color, *(round(1000.0 * float(c)) for c in block.center[:2])) for block in blocks)
    text = json.dumps([layout, blocks[target].color])
    digest = hashlib.sha256(text.encode()).digest()
    return "eval" if digest[0] % EVAL_SHARE == 0 else "train"


def sample_scene(domain: str, seed: int, *, views: int = 2, aspect: float = 1.0) -> Scene:
    """The scene number `seed` of `domain`.

    @param domain "train" or "eval"; a layout belongs to one of them only (:func:`scene_domain`).
    @param seed non-negative number.   @param views V >= 1 cameras; the first ones do not depend on V.
    @param aspect width over height of the pictures, in which the gripper must stay visible.
    @throws ValueError for an unknown domain, a negative seed, no view, or pictures narrower than 1 : 4.
    """
    if domain not in DOMAINS:
        raise ValueError(f'[simulation::sample_scene] domain: expected "train" or "eval", got "{domain}"')
    if seed < 0:
        raise ValueError(f"[simulation::sample_scene] seed: expected a non-negative number, got {seed}")
    if views < 1:
        raise ValueError(f"[simulation::sample_scene] views: expected at least 1, got {views}")
    if not aspect >= 0.25:
        raise ValueError(f"[simulation::sample_scene] aspect: expected at least 0.25, got {aspect}")
    streams = np.random.SeedSequence([DOMAINS[domain], seed]).spawn(3 + views)
    layout_rng, motion_rng, look_rng, *camera_rngs = map(np.random.default_rng, streams)
    blocks, target = sample_layout(layout_rng, domain)
    scene = functools.partial(
        Scene,
        domain=domain,
        seed=seed,
        blocks=blocks,
        target=target,
        task=TASKS[motion_rng.integers(2)],
        start_position=motion_rng.uniform((-0.12, -0.12, 0.14), (0.12, 0.12, 0.22)),
        start_rotation=sample_start_rotation(motion_rng),
        appearance=sample_appearance(look_rng),
    )
    points = action_points(scene(cameras=()).actions(33))
    cameras = (sample_camera(rng, view, points, aspect) for view, rng in enumerate(camera_rngs))
    return scene(cameras=tuple(cameras))


def sample_layout(rng: np.random.Generator, domain: str) -> tuple[tuple[Block, ...], int]:
    """Blocks at least 0.10 m apart and the target's index, drawn until they belong to `domain`."""
    while True:
        centers = rng.uniform(-0.15, 0.15, (BLOCKS, 2))
        first, second = np.triu_indices(BLOCKS, 1)
        if np.linalg.norm(centers[first] - centers[second], axis=1).min() < 0.10:
            continue
        colors = rng.choice(list(COLORS), BLOCKS, replace=False)
        blocks = tuple(sample_block(rng, str(color), center) for color, center in zip(colors, centers))
        target = int(rng.integers(BLOCKS))
        if scene_domain(blocks, target) == domain:
            return blocks, target


def sample_block(rng: np.random.Generator, color: str, center: np.ndarray) -> Block:
    half_extents = rng.uniform((0.034, 0.022, 0.020), (0.042, 0.027, 0.028))
    rgb = np.clip(np.array(COLORS[color]) * rng.uniform(0.92, 1.08) + rng.uniform(-0.04, 0.04, 3), 0.0, 1.0)
    return Block(
        color=color,
        rgb=tuple(map(float, rgb)),
        center=np.array([*center, half_extents[2]]),
        half_extents=half_extents,
        yaw=float(rng.uniform(-0.5 * np.pi, 0.5 * np.pi)),
    )


def sample_start_rotation(rng: np.random.Generator) -> np.ndarray:
    """Pointing down with a yaw within 90 degrees, then tilted by up to 20 degrees about a horizontal axis."""
    yaw, heading = rng.uniform(-0.5 * np.pi, 0.5 * np.pi), rng.uniform(-np.pi, np.pi)
    axis = np.array([np.cos(heading), np.sin(heading), 0.0])
    return matrix_about(axis, rng.uniform(0.0, np.radians(20.0))) @ pointing_down(yaw)


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """Muted colours, so that the blocks stand out, and a light from above."""

    def muted(low: float, high: float) -> np.ndarray:
        return np.clip(rng.uniform(low, high) * rng.uniform(0.86, 1.0, 3), 0.0, 1.0)

    heading, elevation = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(45.0, 80.0))
    towards_light = np.array(
        [np.cos(elevation) * np.cos(heading), np.cos(elevation) * np.sin(heading), np.sin(elevation)]
    )
    return Appearance(
        table=muted(0.50, 0.95),
        floor=muted(0.15, 0.75),
        mat=muted(0.30, 0.90),
        table_half_extents=rng.uniform((0.28, 0.28), (0.42, 0.42)),
        mat_half_extents=rng.uniform((0.02, 0.10), (0.12, 0.18)),
        mat_center=rng.uniform(-0.06, 0.06, 2),
        mat_yaw=float(rng.uniform(-np.pi, np.pi)),
        light_direction=-towards_light,
        light=float(rng.uniform(0.35, 0.55)),
        ambient=float(rng.uniform(0.45, 0.60)),
    )


def sample_camera(rng: np.random.Generator, view: int, points: np.ndarray, aspect: float) -> CameraPose:
    """A camera around the table that keeps all `points` (..., 3) inside the picture, drawn until it does.

    Where that fails a thousand times (as in narrow pictures), later draws step back from the table.
    """
    border = 0.5 * np.array([aspect, 1.0]) - PICTURE_MARGIN
    for attempt in itertools.count():
        camera = draw_camera(rng, view, step_back=1e-3 * max(0, attempt - 1000))
        if np.all(np.abs(camera.project(points)) <= border):
            return camera


def draw_camera(rng: np.random.Generator, view: int, step_back: float = 0.0) -> CameraPose:
    """A camera that looks at the table from the side of the given view, `step_back` [m] farther than usual."""
    azimuth = view_azimuth(view) + np.radians(rng.uniform(-17.5, 17.5))
    elevation, distance = np.radians(rng.uniform(35.0, 60.0)), rng.uniform(0.72, 0.88) + step_back
    look_at = np.array([0.0, 0.0, 0.06]) + rng.uniform(-0.02, 0.02, 3)
    backward = np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )
    fovy = float(np.radians(rng.uniform(40.0, 44.0)))
    return CameraPose(look_from(look_at + distance * backward, look_at), fovy)


def view_azimuth(view: int) -> float:
    """Middle of a view's azimuths [rad] from +x: 42.5 and -42.5 degrees, then spread over the far side."""
    if view < 2:
        return float(np.radians(42.5 if view == 0 else -42.5))
    fraction, denominator, index = 0.0, 1.0, view - 1
    while index:  # the van der Corput sequence: 1/2, 1/4, 3/4, 1/8, ...
        denominator *= 2.0
        fraction += (index % 2) / denominator
        index //= 2
    return float(np.radians(85.0 + 190.0 * fraction))


def look_from(position: np.ndarray, look_at: np.ndarray) -> np.ndarray:
    """`world_from_camera` (4, 4), OpenCV axes (z forward, y down), upright; not for straight up or down."""
    forward = (look_at - position) / np.linalg.norm(look_at - position)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    world_from_camera[:3, 3] = position
    return world_from_camera
