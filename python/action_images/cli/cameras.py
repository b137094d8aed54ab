# SPDX-License-Identifier: Apache-2.0
"""Estimates the cameras of pictures of one scene, and the points that they show, with VGGT.

Lengths are in VGGT's own unit, and in metres where something is known that tells them. Its weights are not part of this
package: docs/cameras.md.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from .arguments import Parser, add_out, add_quiet, add_threads, number, use_threads
from .camera_estimates import add_weights, estimated
from .output import check_file, write_text
from .rescale_options import add_scale_options, rescaled

HELP = "pictures -> rig.json and points, estimated by VGGT"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="pictures of one scene; of .mp4 files the first frame")
    add_out(parser, "rig.json: the cameras", metavar="FILE")
    add("--points", type=Path, metavar="FILE.ply", help="the points that the pictures show")
    add("--json", type=Path, metavar="FILE", help="the quality and the settings")
    add_weights(parser, "--weights")
    add("--sizing", choices=("crop", "pad", "square", "release"), default="crop",
        help="how pictures are brought to VGGT's size; default: crop")  # fmt: skip
    add("--dtype", choices=("float32", "bfloat16", "float16"), default="float32",
        help="of all but the heads; default: float32")  # fmt: skip
    add("--device", metavar="NAME", help="cuda, cpu, ...; default: cpu")
    add("--percentile", type=number, default=50.0, metavar="P", help="per cent of the points to leave out; default: 50")
    add("--min-confidence", type=number, default=0.0, metavar="C", help="leave out points below; VGGT's begin at 1")
    add("--cache", metavar="DIR", help="what was seen is kept here; default: ~/.cache/action-images/cameras")
    add("--no-cache", action="store_true", help="look again, and keep nothing")
    add_scale_options(parser)
    add_threads(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    for path in filter(None, (arguments.out, arguments.points, arguments.json)):
        check_file(path)
    if arguments.points:
        from ..presentation.point_cloud_file import write_ply
    use_threads(arguments.threads)
    options = {name: getattr(arguments, name) for name in ("sizing", "dtype", "device", "percentile", "min_confidence")}
    options["cache"] = False if arguments.no_cache else arguments.cache or True
    estimate = estimated(arguments.images, arguments.weights, arguments, **options)
    rig, cloud, report = scaled(estimate, arguments)

    from .. import save_rig

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_rig(rig, arguments.out)
    if arguments.points:
        arguments.points.parent.mkdir(parents=True, exist_ok=True)
        write_ply(arguments.points, cloud)
    if arguments.json:
        told = {"quality": estimate.quality, "settings": estimate.settings, "scale": report or None}
        write_text(arguments.json, json.dumps(told, indent=2) + "\n")
    if not arguments.quiet:
        points = f"; {arguments.points}: {len(cloud)} points" if arguments.points else ""
        print(f"{arguments.out}: {len(rig)} cameras{points}" + (f"\n{report}" if report else ""))


def scaled(estimate: Any, arguments: Namespace) -> tuple[Any, Any, str]:
    """The rig and the points, in the unit and the frame that the options ask for, and a report on them."""
    from ..point_cloud import PointCloud

    rig, points, report = rescaled(estimate.rig, estimate.scene.points, arguments)
    return rig, PointCloud(points, estimate.scene.colors, estimate.scene.confidence), report
