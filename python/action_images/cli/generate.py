# SPDX-License-Identifier: Apache-2.0
"""Generates video and actions from one picture per view and an instruction."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from .. import load_rig, load_trajectory
from .arguments import ACTION, Parser, add_model_options, add_out, add_quiet, number, use_threads, whole_number
from .output import check_folder
from .scene_file import ending, read_scene

HELP = "pictures and an instruction -> video, action images, trajectory"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--images", nargs="+", metavar="FILE", help="first picture of every view")
    add("--videos", nargs="+", metavar="FILE", help="video of every view (v2a, instead of --images)")
    add("--rig", type=Path, required=True, metavar="FILE", help="rig.json: the cameras of the pictures")
    add("--prompt", default="", help="the instruction")
    add(
        "--task",
        choices=("i2va", "a2v", "v2a", "i2v"),
        default="i2va",
        help="plan (default), simulate, label, plain video",
    )
    add("--actions", type=Path, metavar="FILE", help="trajectory to simulate (a2v)")
    add("--first-action", type=number, nargs=7, metavar=ACTION, help="where the gripper is in the pictures [m, rad]")
    add("--frames", type=whole_number(1), metavar="N", help="4k + 1; default: of the actions or videos, or the model's")
    add(
        "--seed",
        type=whole_number(0, 2**64 - 1),
        default=0,
        metavar="N",
        help="equal seeds give equal results; default: 0",
    )
    add("--scene", type=Path, metavar="FILE", help="scene.json: the truth to compare with")
    add_out(parser, "for videos, trajectory, contact sheet and report")
    add_model_options(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_folder(arguments.out)
    check_task(arguments)
    scene = read_scene(arguments.scene) if arguments.scene else None
    rig = load_rig(arguments.rig)
    actions = load_trajectory(arguments.actions) if arguments.actions else None

    from ..model import WorldModel

    use_threads(arguments.threads)
    model = WorldModel.load(arguments.model)
    rollout = generated(model, rig, actions, arguments)
    block = scene.named_block(arguments.prompt) if scene else None
    names = rollout.save(arguments.out, goal=block and block["goal"], blocks=scene.blocks if scene else ())
    if not arguments.quiet:
        if rollout.actions is not None:
            print(ending(rollout.actions, block))
        print(f"{arguments.out}: {', '.join(names)}")


def check_task(arguments: Namespace) -> None:
    """Raises ValueError if the files that the task starts from are not those that were given."""
    for option, tasks in {"images": ("i2va", "a2v", "i2v"), "videos": ("v2a",), "actions": ("a2v",)}.items():
        if (getattr(arguments, option) is not None) != (arguments.task in tasks):
            wanted, got = ("given", "none") if arguments.task in tasks else ("none", "some")
            raise ValueError(f"[cli::generate] --{option}: expected {wanted} for task {arguments.task}, got {got}")


def generated(model, rig, actions, arguments: Namespace):
    """The rollout, with progress."""
    from ..progress import progress_bar

    steps = arguments.steps or model.config["sampling"]["steps"]
    with progress_bar(not arguments.quiet, steps, label="step") as advance:
        return model.generate(
            arguments.images,
            arguments.prompt,
            rig=rig,
            task=arguments.task,
            actions=actions,
            first_action=arguments.first_action,
            videos=arguments.videos,
            frames=arguments.frames,
            steps=arguments.steps,
            guidance=arguments.guidance,
            seed=arguments.seed,
            progress=lambda done, steps: advance(),
        )
