# SPDX-License-Identifier: Apache-2.0
"""Examines a rig and, if given, action images that belong to it: precision to expect, wrong conventions by name.

Exits with 0 if all is well, 1 if there are warnings, 2 after bad input.
"""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from .. import doctor, load_rig, load_trajectory
from .arguments import Parser, add_codec_options, number
from .frames import read_frames

HELP = "what is wrong with a rig, and how precise it is"


def configure(parser: Parser) -> None:
    sources = "action images: a .npy file, a folder of view_V_FFFF.png, or one video per view"
    parser.add_argument("--rig", type=Path, required=True, metavar="FILE", help="rig.json: the cameras")
    parser.add_argument("--images", type=Path, nargs="+", metavar="PATH", help=sources)
    parser.add_argument("--actions", type=Path, metavar="FILE", help="the trajectory (CSV) that the images show")
    parser.add_argument(
        "--distance", type=number, nargs="+", default=[0.5, 0.75, 1.0], metavar="M", help="to foretell the precision at"
    )
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    add_codec_options(parser)


def run(arguments: Namespace) -> int:
    rig = load_rig(arguments.rig)
    images = read_frames(arguments.images) if arguments.images else None
    actions = load_trajectory(arguments.actions) if arguments.actions else None
    options = (arguments.convention, arguments.sigma, arguments.axis_length)
    diagnosis = doctor(rig, images, actions, *options, distances=arguments.distance)
    print(json.dumps(plain(diagnosis), indent=2) if arguments.json else str(diagnosis), end="\n" * arguments.json)
    return 1 if diagnosis.warnings else 0


def plain(value: Any) -> Any:
    """A report as what JSON knows: objects as mappings of their fields, numbers that are not finite as null."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return {name: plain(getattr(value, name)) for name in vars(type(value)) if not name.startswith("_")}
