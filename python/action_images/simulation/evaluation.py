# SPDX-License-Identifier: Apache-2.0
"""Does a policy reach the block that it is told to? Measured on scenes that no training scene equals.

The policy is any function from first pictures, an instruction and calibrated cameras to actions; nothing
here knows how it works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..progress import progress_bar
from .motion import matrix_from_euler, rotation_angle
from .scene import SCENE, Scene, sample_scene
from .tabletop import Episode, TabletopScene

RADII_MM = (20, 25, 30)
"""Final positions within these distances [mm] of the named block's goal count as successes."""

BOOTSTRAP_SAMPLES = 2000
Predict = Callable[[list[np.ndarray], str, np.ndarray, np.ndarray, int], dict]


@dataclass(frozen=True)
class Outcome:
    """What one prediction did; all but `goals`, `target` and `start` are NaN for an invalid prediction."""

    goals: np.ndarray
    target: int
    start: np.ndarray
    final: np.ndarray
    orientation_error: float
    openness_error: float
    psnr: float

    @property
    def goal(self) -> np.ndarray:
        return self.goals[self.target]


def evaluate(
    predict: Predict,
    episodes: int = 200,
    seed: int = 7,
    *,
    height: int = 64,
    width: int = 64,
    frames: int = 9,
    views: int = 2,
    progress: bool = True,
) -> dict:
    """Runs `predict` on the evaluation scenes seed * 1 000 000 + i, i < episodes, and measures where it ends.

    @param predict called with images (a list of V (H, W, 3) uint8 first frames), instruction, intrinsics
        (V, 3, 3), world_from_camera (V, 4, 4) and the scene's seed; returns {"actions": (T, 7)} and, if it
        likes, "video" (V, frames, H, W, 3) uint8. Actions that are not all finite count as a failure.
    @return plain numbers, ready for JSON:
        success_at_20mm, success_at_25mm, success_at_30mm and right_block (the nearest goal on the table is the
        named block's): {"rate", "low", "high"} with a Wilson 95 % interval;
        direction_error_deg: angle between the predicted and the true way from start to end, {"median", "mean",
        "low", "high"} with a bootstrap 95 % interval of the mean (90 degrees where nothing moves);
        final_error_mm, orientation_error_deg, openness_error (last frame) and, if every valid prediction has a
        video, video_psnr_db (against the expert's): {"median", "mean"};
        chance: success rates of going to a random block, to the mean goal, and of staying;
        invalid: number of predictions that are not finite, which only the rates count;
        episodes, seed, domain, scene.
    @throws ValueError for counts below one, or predicted actions that are not (T, 7).
    """
    if episodes < 1 or seed < 0:
        raise ValueError(
            f"[simulation::evaluate] episodes, seed: expected at least 1 and 0, got {episodes} and {seed}"
        )
    outcomes = []
    with TabletopScene(height, width, views) as tabletop, progress_bar(progress, episodes) as advance:
        for index in range(episodes):
            scene = evaluation_scene(seed, index, views=views, aspect=width / height)
            outcomes.append(run(predict, tabletop.render_episode(scene, frames=frames)))
            advance(1)
    return {**summary(outcomes), "episodes": episodes, "seed": seed, "domain": "eval", "scene": SCENE}


def evaluation_scene(seed: int, index: int, *, views: int, aspect: float) -> Scene:
    """The scene of one episode of an evaluation: number seed * 1 000 000 + index of the domain "eval"."""
    return sample_scene("eval", seed * 1_000_000 + index, views=views, aspect=aspect)


def run(predict: Predict, truth: Episode) -> Outcome:
    """Asks for one prediction and compares it with the expert's episode."""
    images = [frames[0].copy() for frames in truth.video]
    answer = predict(images, truth.instruction, truth.intrinsics, truth.world_from_camera, truth.seed)
    actions = np.asarray(answer["actions"], dtype=np.float64)
    if actions.ndim != 2 or actions.shape[1] != 7 or len(actions) == 0:
        raise ValueError(f"[simulation::evaluate] predicted actions: expected (T, 7), got {actions.shape}")
    valid = bool(np.all(np.isfinite(actions)))
    last = actions[-1] if valid else np.full(7, np.nan)
    true_rotation = matrix_from_euler(truth.actions[-1, 3:6])
    return Outcome(
        goals=np.array([block["goal"] for block in truth.blocks]),
        target=[block["color"] for block in truth.blocks].index(truth.target),
        start=truth.actions[0, :3],
        final=last[:3],
        orientation_error=float(np.degrees(rotation_angle(true_rotation.T @ matrix_from_euler(last[3:6])))),
        openness_error=float(abs(last[6] - truth.actions[-1, 6])),
        psnr=video_psnr(answer.get("video"), truth.video) if valid else np.nan,
    )


def summary(outcomes: list[Outcome]) -> dict:
    """The measures of :func:`evaluate` that come from the outcomes."""
    valid = [outcome for outcome in outcomes if np.all(np.isfinite(outcome.final))]
    final_error = np.array([1000.0 * np.linalg.norm(outcome.final - outcome.goal) for outcome in outcomes])
    directions = np.array([direction_error(outcome) for outcome in valid])
    psnr = np.array([outcome.psnr for outcome in valid])
    return {
        **{f"success_at_{radius}mm": proportion(final_error <= radius) for radius in RADII_MM},
        "right_block": proportion(np.array([is_right_block(outcome) for outcome in outcomes])),
        "direction_error_deg": {**center(directions), **bootstrap_interval(directions)},
        "final_error_mm": center(final_error[np.isfinite(final_error)]),
        "orientation_error_deg": center(np.array([outcome.orientation_error for outcome in valid])),
        "openness_error": center(np.array([outcome.openness_error for outcome in valid])),
        "video_psnr_db": None if np.isnan(psnr).any() else center(psnr),
        "chance": chance(outcomes),
        "invalid": len(outcomes) - len(valid),
    }


def direction_error(outcome: Outcome) -> float:
    """Angle [deg] between predicted and true displacement; 90 if the prediction stays where it is."""
    predicted, true = outcome.final - outcome.start, outcome.goal - outcome.start
    if np.linalg.norm(predicted) < 1e-9:
        return 90.0
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(predicted, true)), predicted @ true)))


def is_right_block(outcome: Outcome) -> bool:
    if not np.all(np.isfinite(outcome.final)):
        return False
    return int(np.argmin(np.linalg.norm((outcome.goals - outcome.final)[:, :2], axis=1))) == outcome.target


def chance(outcomes: list[Outcome]) -> dict:
    """Success rates of three ways not to look at the pictures, the first as an exact expectation."""
    mean_goal = np.mean([outcome.goal for outcome in outcomes], axis=0)
    guesses = {
        "random_block": [outcome.goals for outcome in outcomes],
        "workspace_centre": [mean_goal[None]] * len(outcomes),
        "stay": [outcome.start[None] for outcome in outcomes],
    }
    return {name: chance_of(positions, outcomes) for name, positions in guesses.items()}


def chance_of(positions: list[np.ndarray], outcomes: list[Outcome]) -> dict:
    """Success rates of ending at one of `positions` (K, 3) of each outcome, all K equally likely."""
    errors = np.array(
        [1000.0 * np.linalg.norm(guess - outcome.goal, axis=1) for guess, outcome in zip(positions, outcomes)]
    )
    return {f"success_at_{radius}mm": float(np.mean(errors <= radius)) for radius in RADII_MM}


def video_psnr(video: np.ndarray | None, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio [dB] of a video against the true one, at most 100; NaN without a video.

    @throws ValueError if the shapes differ.
    """
    if video is None:
        return float("nan")
    video = np.asarray(video)
    if video.shape != truth.shape:
        raise ValueError(f"[simulation::evaluate] predicted video: expected {truth.shape}, got {video.shape}")
    mean_square = np.mean((video.astype(np.float64) - truth) ** 2)
    return float(min(100.0, 20.0 * np.log10(255.0) - 10.0 * np.log10(max(mean_square, 1e-12))))


def proportion(successes: np.ndarray) -> dict[str, float]:
    """Rate of true values with its Wilson 95 % interval."""
    count, rate, z = len(successes), float(np.mean(successes)), 1.959963984540054
    scale = 1.0 + z * z / count
    middle = (rate + z * z / (2.0 * count)) / scale
    half = z * float(np.sqrt(rate * (1.0 - rate) / count + z * z / (4.0 * count * count))) / scale
    low = 0.0 if rate == 0.0 else middle - half  # exact at the ends, where rounding would leave a remainder
    return {"rate": rate, "low": low, "high": 1.0 if rate == 1.0 else middle + half}


def center(values: np.ndarray) -> dict[str, float | None]:
    """Median and mean; None where there is no value."""
    if len(values) == 0:
        return {"median": None, "mean": None}
    return {"median": float(np.median(values)), "mean": float(np.mean(values))}


def bootstrap_interval(values: np.ndarray) -> dict[str, float | None]:
    """95 % interval of the mean from resampling, the same for the same values; None where there is no value."""
    if len(values) == 0:
        return {"low": None, "high": None}
    choices = np.random.default_rng(0).integers(len(values), size=(BOOTSTRAP_SAMPLES, len(values)))
    low, high = np.percentile(values[choices].mean(axis=1), [2.5, 97.5])
    return {"low": float(low), "high": float(high)}
