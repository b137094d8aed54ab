# SPDX-License-Identifier: Apache-2.0
"""Writes samples of a data set as videos, [picture | action image | both] for every view, and a page that shows them."""

from __future__ import annotations

from argparse import Namespace

from .arguments import Parser, add_out, add_quiet, whole_number
from .output import check_folder

HELP = "videos of samples with their action images, and a page"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add_out(parser, "for sample_N.mp4 and index.html")
    add("--samples", type=whole_number(1, 1000), default=6, metavar="N", help="episodes; default: %(default)s")
    add("--frames", type=whole_number(1, 100_000), default=41, metavar="N", help="of a sample; default: %(default)s")
    side = whole_number(1, 16384)
    add("--size", type=side, nargs=2, metavar=("H", "W"), help="of the pictures [px]; default: the first view's")
    add("--convention", choices=("paper", "release"), default="paper", help="what the channels mean")
    add("--seed", type=whole_number(0), default=0, metavar="N", help="which window of an episode; default: %(default)s")
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    check_folder(arguments.out)
    from .. import data
    from ..data.preview import preview
    from ..progress import progress_bar

    dataset = data.open(arguments.spec)
    with progress_bar(not arguments.quiet, min(arguments.samples, len(dataset)), label="samples") as advance:
        files = preview(
            dataset,
            arguments.out,
            samples=arguments.samples,
            frames=arguments.frames,
            size=tuple(arguments.size) if arguments.size else None,
            convention=arguments.convention,
            seed=arguments.seed,
            progress=advance,
        )
    if not arguments.quiet:
        print(f"{arguments.out / files[-1]}: {len(files) - 1} samples")
