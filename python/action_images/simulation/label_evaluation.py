# SPDX-License-Identifier: Apache-2.0
"""Does a world model that is given the video say what the gripper did?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..progress import progress_bar
from .evaluation import evaluation_scene, proportion
from .tabletop import TabletopScene

Label = Callable[[np.ndarray, str, np.ndarray, np.ndarray, int], np.ndarray]

RADIUS_MM = 25


def evaluate_labels(
    label: Label,
    episodes: int = 50,
    seed: int = 7,
    *,
    height: int = 64,
    width: int = 64,
    frames: int = 9,
    views: int = 2,
    progress: bool = True,
) -> dict:
    """Runs `label` on videos of the scenes of :func:`evaluate`, with their instruction and with none.

    @param label  called with the video (V, T, H, W, 3) uint8, an instruction, intrinsics (V, 3, 3), world_from_camera
        (V, 4, 4) and the scene's seed; returns actions (T, 7).
    @return v2a_within_25mm and v2a_without_text_within_25mm: share of scenes whose last position is labelled within 25 mm,
        {"rate", "low", "high"} with a Wilson 95 % interval; v2a_path_error_mm and v2a_without_text_path_error_mm: median
        over scenes of the mean distance over frames; v2a_episodes.
    @throws ValueError for counts below one, or actions of another shape.
    """
    if episodes < 1 or seed < 0:
        raise ValueError(f"[simulation::evaluate_labels] episodes, seed: expected at least 1 and 0, got {episodes} and {seed}")
    errors: dict[bool, list[np.ndarray]] = {True: [], False: []}
    with TabletopScene(height, width, views) as tabletop, progress_bar(progress, episodes) as advance:
        for index in range(episodes):
            scene = evaluation_scene(seed, index, views=views, aspect=width / height)
            truth = tabletop.render_episode(scene, frames=frames)
            for with_text, text in ((True, truth.instruction), (False, "")):
                actions = label(truth.video, text, truth.intrinsics, truth.world_from_camera, truth.seed)
                errors[with_text].append(position_errors(actions, truth.actions))
            advance(1)
    result: dict = {"v2a_episodes": episodes}
    for with_text, name in ((True, "v2a"), (False, "v2a_without_text")):
        last = np.array([path[-1] for path in errors[with_text]])
        result[f"{name}_within_{RADIUS_MM}mm"] = proportion(last <= RADIUS_MM)
        result[f"{name}_path_error_mm"] = float(np.median([path.mean() for path in errors[with_text]]))
    return result


def position_errors(actions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distance [mm] of each frame's position; infinite where it is not finite."""
    actions = np.asarray(actions, dtype=np.float64)
    if actions.shape != truth.shape:
        raise ValueError(f"[simulation::evaluate_labels] actions: expected {truth.shape}, got {actions.shape}")
    distance = 1000.0 * np.linalg.norm(actions[:, :3] - truth[:, :3], axis=1)
    return np.where(np.isfinite(distance), distance, np.inf)
