# SPDX-License-Identifier: Apache-2.0
"""Measures a world model on scenes that it was not trained on: does the gripper reach the block that it is told to?"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from .. import Camera, Rig
from .arguments import Parser, add_model_options, add_quiet, use_threads, whole_number
from .output import check_file, write_text

HELP = "measure a model on held-out scenes"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--scene", choices=("tabletop",), default="tabletop", help="kind of scenes")
    add("--episodes", type=whole_number(1, 999_999), default=200, metavar="N", help="scenes; default: %(default)s")
    add("--a2v-episodes", type=whole_number(0, 999_999), default=50, metavar="N",
        help="scenes whose true motion is simulated too; default: %(default)s")  # fmt: skip
    add("--v2a-episodes", type=whole_number(0, 999_999), default=50, metavar="N",
        help="scenes whose video is labelled too; default: %(default)s")  # fmt: skip
    add("--seed", type=whole_number(0, 4000), default=7, metavar="N", help="which scenes; default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="for all figures")
    add_model_options(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    if arguments.json:
        check_file(arguments.json)
    from ..model import WorldModel

    use_threads(arguments.threads)
    result = measured(WorldModel.load(arguments.model), arguments)
    if arguments.json:
        write_text(arguments.json, json.dumps(result, indent=2) + "\n")
    if not arguments.quiet:
        print(table(result))


def measured(model, arguments: Namespace) -> dict:
    """All figures, ready for JSON."""
    from ..progress import progress_bar
    from ..simulation import evaluate, evaluate_labels, evaluate_videos

    policy = Policy(model, arguments)
    size = {name: model.config[name] for name in ("height", "width", "frames")}
    common = {"seed": arguments.seed, "views": model.config["views"] or 2, "progress": False, **size}
    with progress_bar(not arguments.quiet, arguments.episodes, label="plan") as policy.advance:
        result = {"model": model.config["name"], **evaluate(policy.plan, arguments.episodes, **common)}
    result["seconds_per_prediction"] = {
        "median": float(np.median(policy.seconds)),
        "mean": float(np.mean(policy.seconds)),
    }
    if arguments.a2v_episodes:
        with progress_bar(not arguments.quiet, arguments.a2v_episodes, label="simulation") as policy.advance:
            result.update(evaluate_videos(policy.simulate, arguments.a2v_episodes, **common))
    if arguments.v2a_episodes:
        with progress_bar(not arguments.quiet, 2 * arguments.v2a_episodes, label="label") as policy.advance:
            result.update(evaluate_labels(policy.label, arguments.v2a_episodes, **common))
    return result


class Policy:
    """A world model as the evaluation calls it; the scene's seed is the sampling's too."""

    def __init__(self, model, arguments: Namespace):
        self.model = model
        self.options = {"steps": arguments.steps, "guidance": arguments.guidance}
        self.seconds: list[float] = []

    def plan(self, images, instruction, intrinsics, world_from_camera, seed) -> dict:
        start = time.perf_counter()
        rollout = self._generate(images, instruction, intrinsics, world_from_camera, seed)
        self.seconds.append(time.perf_counter() - start)
        return {"actions": rollout.actions, "video": rollout.video}

    def simulate(self, images, instruction, intrinsics, world_from_camera, seed, actions) -> np.ndarray:
        return self._generate(
            images, instruction, intrinsics, world_from_camera, seed, task="a2v", actions=actions
        ).video

    def label(self, video, instruction, intrinsics, world_from_camera, seed) -> np.ndarray:
        views = [np.ascontiguousarray(frames) for frames in video]
        given = {"videos": views, "task": "v2a"}
        return self._generate(None, instruction, intrinsics, world_from_camera, seed, **given).actions

    def _generate(self, images, instruction, intrinsics, world_from_camera, seed, **options):
        height, width, _ = (options.get("videos") or images)[0].shape[-3:]
        rig = Rig(
            [
                Camera(intrinsics=matrix, world_from_camera=pose, width=width, height=height)
                for matrix, pose in zip(intrinsics, world_from_camera)
            ]
        )
        rollout = self.model.generate(images, instruction, rig=rig, seed=seed, **self.options, **options)
        self.advance()
        return rollout


def table(result: dict) -> str:
    """The figures to read, with 95 % intervals."""
    chance = result["chance"]["random_block"]
    rows = [
        (f"ends within {radius} mm of the named block", _rate(result[f"success_at_{radius}mm"]),
         f"a random block: {100 * chance[f'success_at_{radius}mm']:.0f} %")
        for radius in (20, 25, 30)
    ]  # fmt: skip
    rows += [
        ("nearest block is the named one", _rate(result["right_block"]), "a random block: 33 %"),
        ("direction error, mean", _interval(result["direction_error_deg"], "°"), "a random direction: 90°"),
        ("final position error, median", _value(result["final_error_mm"]["median"], " mm"), ""),
        ("orientation error, median", _value(result["orientation_error_deg"]["median"], "°"), ""),
        (
            "video of the plan, PSNR against the expert's",
            _value((result["video_psnr_db"] or {}).get("mean"), " dB"),
            "",
        ),
    ]
    if "a2v_psnr_db" in result:
        still = _interval(result["a2v_repeat_first_frame_psnr_db"], " dB")
        rows.append(
            ("video of given actions, PSNR", _interval(result["a2v_psnr_db"], " dB"), f"first frame repeated: {still}")
        )
    if "v2a_episodes" in result:
        rows.append(("labels of a video end within 25 mm", _rate(result["v2a_within_25mm"]),
                     f"without instruction: {_rate(result['v2a_without_text_within_25mm'])}"))  # fmt: skip
    rows.append(("time of one prediction, median", _value(result["seconds_per_prediction"]["median"], " s", 2), ""))
    title = "{model} on {scene}, {episodes} scenes of domain {domain}, seed {seed}; 95 % intervals".format_map(result)
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    return "\n".join([title, *lines])


def _rate(figure: dict) -> str:
    return "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * figure[name] for name in ("rate", "low", "high")))


def _interval(figure: dict, unit: str) -> str:
    if figure["mean"] is None:
        return "none"
    return "{mean:.1f}{unit} [{low:.1f}, {high:.1f}]".format(unit=unit, **figure)


def _value(value: float | None, unit: str, digits: int = 1) -> str:
    return "none" if value is None else f"{value:.{digits}f}{unit}"
