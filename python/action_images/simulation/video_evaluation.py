# SPDX-License-Identifier: Apache-2.0
"""Does a world model that is given the actions make the video that the simulator makes?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..progress import progress_bar
from .evaluation import bootstrap_interval, evaluation_scene, video_psnr
from .tabletop import TabletopScene

Simulate = Callable[[list[np.ndarray], str, np.ndarray, np.ndarray, int, np.ndarray], np.ndarray]


def evaluate_videos(
    simulate: Simulate,
    episodes: int = 50,
    seed: int = 7,
    *,
    height: int = 64,
    width: int = 64,
    frames: int = 9,
    views: int = 2,
    progress: bool = True,
) -> dict:
    """Runs `simulate` with the expert's actions on the scenes of :func:`evaluate` and compares videos.

    The first frame is given and not counted.

    @param simulate called with images (a list of V (H, W, 3) uint8 first frames), instruction, intrinsics (V, 3, 3),
        world_from_camera (V, 4, 4), the scene's seed and actions (T, 7); returns the video (V, T, H, W, 3) uint8.
    @return a2v_psnr_db, and a2v_repeat_first_frame_psnr_db for a video in which nothing moves: {"mean", "low", "high"}
        with a bootstrap 95 % interval of the mean; a2v_episodes.
    @throws ValueError for counts below one, less than two frames, or a video of another shape.
    """
    if episodes < 1 or seed < 0 or frames < 2:
        got = f"{episodes}, {seed} and {frames}"
        raise ValueError(
            f"[simulation::evaluate_videos] episodes, seed, frames: expected at least 1, 0 and 2, got {got}"
        )
    simulated, repeated = [], []
    with TabletopScene(height, width, views) as tabletop, progress_bar(progress, episodes) as advance:
        for index in range(episodes):
            scene = evaluation_scene(seed, index, views=views, aspect=width / height)
            truth = tabletop.render_episode(scene, frames=frames)
            images = [view[0].copy() for view in truth.video]
            cameras = (truth.intrinsics, truth.world_from_camera)
            video = np.asarray(simulate(images, truth.instruction, *cameras, truth.seed, truth.actions.copy()))
            simulated.append(moving_psnr(video, truth.video))
            repeated.append(moving_psnr(np.repeat(truth.video[:, :1], frames, axis=1), truth.video))
            advance(1)
    return {
        "a2v_psnr_db": mean_interval(simulated),
        "a2v_repeat_first_frame_psnr_db": mean_interval(repeated),
        "a2v_episodes": episodes,
    }


def moving_psnr(video: np.ndarray, truth: np.ndarray) -> float:
    """PSNR [dB] of all frames but the first. Shapes (V, T, H, W, 3)."""
    if video.shape != truth.shape:
        raise ValueError(f"[simulation::evaluate_videos] video: expected {truth.shape}, got {video.shape}")
    return video_psnr(video[:, 1:], truth[:, 1:])


def mean_interval(values: list[float]) -> dict[str, float]:
    """Mean with a bootstrap 95 % interval."""
    return {"mean": float(np.mean(values)), **bootstrap_interval(np.asarray(values))}
