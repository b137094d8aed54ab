# SPDX-License-Identifier: Apache-2.0
"""Draws a trajectory as action images in every view. Needs no torch, but for mp4 files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from .. import encode, load_rig, load_trajectory
from . import frames
from .arguments import Parser, add_codec_options, add_out, add_quiet
from .output import check_file, check_folder

HELP = "trajectory -> action images"


def configure(parser: Parser) -> None:
    parser.add_argument("--actions", type=Path, required=True, metavar="FILE", help="trajectory (CSV)")
    parser.add_argument("--rig", type=Path, required=True, metavar="FILE", help="rig.json: the cameras")
    add_out(parser, "a .npy file, or a folder", metavar="FILE.npy|DIR")
    parser.add_argument(
        "--format", choices=("png", "mp4"), default="png", help="of the files in a folder; default: png"
    )
    add_codec_options(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    as_array = arguments.out.suffix == ".npy"
    (check_file if as_array else check_folder)(arguments.out)
    rig = load_rig(arguments.rig)
    actions = load_trajectory(arguments.actions)
    images = encode(actions, rig, arguments.convention, arguments.sigma, arguments.axis_length)
    write = {"png": frames.write_pictures, "mp4": frames.write_videos}[arguments.format]
    (frames.write_array if as_array else write)(arguments.out, images)
    if not arguments.quiet:
        views, count, height, width, _ = images.shape
        print(f"{arguments.out}: {views} views, {count} frames, {height} x {width} px")
