# SPDX-License-Identifier: Apache-2.0
"""Renders a scene of the simulated tabletop: first pictures, cameras, the truth, and the expert's actions."""

from __future__ import annotations

from argparse import Namespace

from .arguments import Parser, add_out, add_quiet, whole_number
from .output import check_folder

HELP = "a simulated scene: pictures, rig, instruction, actions"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--seed", type=whole_number(0, 2**32 - 1), default=0, metavar="N", help="which scene; default: 0")
    add("--domain", choices=("train", "eval"), default="eval", help="scenes of training, or held out from it (default)")
    add_out(parser, "for view_N.png, rig.json, scene.json and actions.csv")
    add("--height", type=whole_number(8, 4096), default=64, metavar="PX", help="of the pictures; default: 64")
    add("--width", type=whole_number(8, 4096), default=64, metavar="PX", help="of the pictures; default: 64")
    add("--views", type=whole_number(1, 16), default=2, metavar="N", help="cameras; default: 2")
    add("--frames", type=whole_number(2, 1025), default=9, metavar="N", help="of the expert's actions; default: 9")
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_folder(arguments.out)
    from ..presentation.files import filled_folder
    from ..simulation import TabletopScene, sample_scene, write_scene

    height, width, views = arguments.height, arguments.width, arguments.views
    scene = sample_scene(arguments.domain, arguments.seed, views=views, aspect=width / height)
    with TabletopScene(height, width, views) as tabletop:
        episode = tabletop.render_episode(scene, frames=arguments.frames)
    with filled_folder(arguments.out, "cli::scene") as folder:
        write_scene(folder, episode)
    if not arguments.quiet:
        print(f'{arguments.out}: "{episode.instruction}", {views} views of {height} x {width} px')
