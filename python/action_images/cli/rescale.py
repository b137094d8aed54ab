# SPDX-License-Identifier: Apache-2.0
"""Brings cameras of arbitrary scale, such as those estimated from pictures, into metres or the robot's frame."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from .. import load_rig
from .arguments import Parser, add_out, add_quiet
from .output import check_file
from .rescale_options import add_scale_options, rescaled

HELP = "estimated cameras -> metres, robot frame"


def configure(parser: Parser) -> None:
    parser.add_argument("rig", type=Path, metavar="RIG", help="rig.json: the cameras")
    add_out(parser, "rig.json of the cameras in metres", metavar="FILE")
    add_scale_options(parser, required=True)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_file(arguments.out)
    rig, _, report = rescaled(load_rig(arguments.rig), None, arguments)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    rig.save(arguments.out)
    if not arguments.quiet:
        print(f"{arguments.out}: {len(rig)} views\n{report}")
