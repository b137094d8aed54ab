# SPDX-License-Identifier: Apache-2.0
"""Generates video and actions from one picture per view and an instruction."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from .. import FormatError, load_rig, load_trajectory
from .arguments import (
    ACTION,
    VIEW_ACTION,
    Parser,
    add_model_options,
    add_out,
    add_quiet,
    add_sampling_options,
    number,
    sampling_options,
    use_threads,
    whole_number,
)
from .camera_estimates import add_weights, estimated
from .output import check_file, check_folder
from .scene_file import ending, read_scene

HELP = "pictures and an instruction -> video, action images, trajectory"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--images", nargs="+", metavar="FILE", help="first picture of every view")
    add("--videos", nargs="+", metavar="FILE", help="video of every view (v2a, instead of --images)")
    add("--rig", type=Path, metavar="FILE", help="rig.json: the cameras of the pictures; default: VGGT estimates them")
    add_weights(parser)
    add("--prompt", default="", help="the instruction")
    add(
        "--task",
        choices=("i2va", "a2v", "v2a", "i2v", "i2a"),
        default="i2va",
        help="plan (default), simulate, label, plain video, plan without video",
    )
    add("--actions", type=Path, metavar="FILE", help="trajectory to simulate (a2v)")
    add("--first-action", type=number, nargs=7, metavar=ACTION, help="where the gripper is in the pictures [m, rad]")
    add("--view-action", type=number, nargs=7, action="append", metavar=VIEW_ACTION,
        help="the same as a view sees it [px]; once for every view")  # fmt: skip
    add("--view-actions", type=Path, metavar="FILE.npy", help="(V, T, 7): the same for all frames (a2v)")
    add("--view-actions-of", choices=("given", "model"), default="given",
        help="pixels of the pictures as given (default), or of the model's own")  # fmt: skip
    add("--action-views", type=whole_number(0, 63), nargs="+", metavar="VIEW", help="i2a: views to plan in; default: all")
    add("--action-head", type=Path, metavar="FILE", help="action_head.safetensors, which corrects the decoded actions")
    add("--frames", type=whole_number(1), metavar="N", help="4k + 1; default: of the actions or videos, or the model's")
    add(
        "--seed",
        type=whole_number(0, 2**64 - 1),
        default=0,
        metavar="N",
        help="equal seeds give equal results; default: 0",
    )
    add("--scene", type=Path, metavar="FILE", help="scene.json: the truth to compare with")
    add("--rerun", type=Path, metavar="FILE.rrd", help="also write a recording for rerun")
    add_out(parser, "for videos, trajectory, 3-D scene, contact sheet and report")
    add_model_options(parser)
    add_sampling_options(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_folder(arguments.out)
    check_task(arguments)
    if arguments.rerun:
        check_recording(arguments.rerun)
    scene = read_scene(arguments.scene) if arguments.scene else None
    rig = load_rig(arguments.rig) if arguments.rig else None
    actions = load_trajectory(arguments.actions) if arguments.actions else None

    from ..model import WorldModel

    use_threads(arguments.threads)
    model = WorldModel.load(arguments.model)
    metric = rig is not None
    if not metric:
        rig = estimated_rig(model, arguments)
    rollout = generated(model, rig, actions, arguments)
    block = scene.named_block(arguments.prompt) if scene else None
    names = rollout.save(arguments.out, goal=block and block["goal"], blocks=scene.blocks if scene else ())
    if arguments.rerun:
        write_recording(arguments.rerun, rollout)
    if not arguments.quiet:
        if rollout.actions is not None:
            print(ending(rollout.actions, block, unit="m" if metric else "of VGGT's unit"))
        print(f"{arguments.out}: {', '.join(names)}")


def check_recording(path: Path) -> None:
    """Raises ValueError or ImportError if no recording could be written, before anything is generated."""
    from ..presentation.optional import optional_package

    check_file(path)
    optional_package("rerun", "view", "cli::generate")


def write_recording(path: Path, rollout) -> None:
    from ..presentation.rerun_log import write_rrd

    path.parent.mkdir(parents=True, exist_ok=True)
    write_rrd(path, rollout)


def check_task(arguments: Namespace) -> None:
    """Raises ValueError if the files that the task starts from are not those that were given."""
    seen = arguments.view_action is not None or arguments.view_actions is not None
    for option, tasks in {
        "images": ("i2va", "a2v", "i2v", "i2a"),
        "videos": ("v2a",),
        "actions": () if seen else ("a2v",),
    }.items():
        if (getattr(arguments, option) is not None) != (arguments.task in tasks):
            wanted, got = ("given", "none") if arguments.task in tasks else ("none", "some")
            raise ValueError(f"[cli::generate] --{option}: expected {wanted} for task {arguments.task}, got {got}")
    for option in ("scene", "actions", "first_action", "action_head"):
        if arguments.rig is None and getattr(arguments, option) is not None:
            name = option.replace("_", "-")
            raise ValueError(f"[cli::generate] --{name}: expected a --rig beside it, in whose metres it is, got none")
    if arguments.view_action is not None and arguments.view_actions is not None:
        raise ValueError("[cli::generate] --view-action, --view-actions: expected one of them, got both")


def estimated_rig(model, arguments: Namespace):
    """The cameras of the pictures or videos as the released implementation estimates them, told in a line."""
    from .._cameras import RELEASED, check_views

    sources = arguments.images or arguments.videos
    check_views(sources, model.config["views"], "cli::generate")
    return estimated(sources, arguments.vggt, arguments, **RELEASED)


def view_actions(arguments: Namespace):
    """What the views see, (V, 7) or (V, T, 7), or None."""
    if arguments.view_actions is None:
        return arguments.view_action
    try:
        return np.load(arguments.view_actions, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(
            f"[cli::generate] {arguments.view_actions}: expected a .npy file of numbers, got {error}"
        ) from error


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
            view_actions=view_actions(arguments),
            view_actions_of=arguments.view_actions_of,
            action_views=arguments.action_views,
            videos=arguments.videos,
            action_head=arguments.action_head,
            frames=arguments.frames,
            steps=arguments.steps,
            guidance=arguments.guidance,
            **sampling_options(arguments),
            seed=arguments.seed,
            progress=lambda done, steps: advance(),
            stage_progress=lambda stage, done, total: advance(0, "" if stage == "sample" else f"{stage} {done}/{total}"),
        )
