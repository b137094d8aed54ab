# SPDX-License-Identifier: Apache-2.0
"""Reads the trajectory out of action images. Needs no torch, but for mp4 files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from .. import NumericalError, decode, load_rig, save_trajectory
from .arguments import Parser, add_codec_options, add_out, add_quiet, number
from .frames import read_frames
from .output import check_file

HELP = "action images -> trajectory"


def configure(parser: Parser) -> None:
    sources = "a .npy file, a folder of view_V_FFFF.png, or one video per view"
    parser.add_argument("--images", type=Path, nargs="+", required=True, metavar="PATH", help=sources)
    parser.add_argument("--rig", type=Path, required=True, metavar="FILE", help="rig.json: the cameras")
    parser.add_argument("--depth", type=number, metavar="M", help="of the position along the camera's axis (one view)")
    add_out(parser, "the trajectory (CSV)", metavar="FILE")
    add_codec_options(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_file(arguments.out)
    rig = load_rig(arguments.rig)
    images = read_frames(arguments.images)
    options = (arguments.convention, arguments.sigma, arguments.axis_length)
    decoded = decode(images, rig, *options, depth=arguments.depth)
    if not np.isfinite(decoded.actions).all():
        raise NumericalError("[cli::decode] images: expected a frame that can be decoded, got none")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_trajectory(decoded.actions, arguments.out)
    if not arguments.quiet:
        read, confidence = int(decoded.valid.sum()), decoded.confidence.mean()
        print(f"{arguments.out}: {read} of {len(decoded)} frames decoded, confidence {confidence:.2f} on average")
