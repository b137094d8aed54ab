# SPDX-License-Identifier: Apache-2.0
"""Calibrates cameras with pictures of a ChArUco board; needs action-images[calibration]."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from .. import load_rig
from .arguments import Parser, add_out, add_quiet, number, whole_number
from .output import check_file

HELP = "pictures of a ChArUco board -> cameras"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--images", type=Path, nargs="+", action="append", metavar="PICTURE",
        help="of one view, once per view; the board does not move between the views' first pictures")  # fmt: skip
    add("--write-board", action="store_true", help="write the board to print (PNG) to --out instead")
    add("--squares", type=whole_number(3, 50), nargs=2, default=(7, 5), metavar=("COLUMNS", "ROWS"), help="default: 7 5")
    add("--square", type=number, default=0.04, metavar="M", help="side of a square; default: %(default)s")
    add("--marker", type=number, default=0.03, metavar="M", help="side of a marker; default: %(default)s")
    add("--dictionary", default="DICT_5X5_100", metavar="NAME", help="OpenCV's, of the markers; default: %(default)s")
    add("--rig", type=Path, metavar="FILE", help="rig.json: known intrinsics; then one picture per view is enough")
    add("--lens", choices=("none", "brown_conrady"), default="none", help="to calibrate; default: none")
    add_out(parser, "rig.json, or the board's PNG", metavar="FILE")
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_file(arguments.out)
    from ..calibration import CharucoBoard, rig_from_charuco, write_charuco_board

    columns, rows = arguments.squares
    board = CharucoBoard(columns, rows, arguments.square, arguments.marker, arguments.dictionary)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    if arguments.write_board:
        write_charuco_board(arguments.out, board)
        report = "print it at its size, and measure a square"
    else:
        if not arguments.images:
            raise ValueError("[cli::calibrate] --images: expected pictures of every view, got none")
        known = load_rig(arguments.rig) if arguments.rig else None
        calibration = rig_from_charuco(arguments.images, board=board, intrinsics=known, lens=arguments.lens)
        calibration.rig.save(arguments.out)
        residuals = ", ".join(f"{value:.3g}" for value in np.asarray(calibration.rms_px))
        report = f"residual {residuals} px rms, {', '.join(map(str, calibration.corners))} corners"
    if not arguments.quiet:
        print(f"{arguments.out}: {report}")
