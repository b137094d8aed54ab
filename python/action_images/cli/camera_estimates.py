# SPDX-License-Identifier: Apache-2.0
"""Estimating cameras at the command line: options, progress, and what is told about the result."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from .arguments import Parser


def add_weights(parser: Parser, option: str = "--vggt") -> None:
    parser.add_argument(option, metavar="FILE|DIR|ID",
        help='weights of VGGT, or "facebook/VGGT-1B" of the Hub; default: $ACTION_IMAGES_VGGT')  # fmt: skip


def estimated(images: Sequence[Any], weights: str | None, arguments: Namespace, **options: Any):
    """`estimate_scene` with progress; its summary and warnings go to the standard error unless --quiet."""
    from ..model import estimate_scene
    from ..progress import Percent, progress_bar

    with progress_bar(not arguments.quiet, 100, label="cameras %") as advance:
        estimate = estimate_scene(images, weights, progress=Percent(advance, "network"), notice=lambda text: None, **options)
    if not arguments.quiet:
        tell(estimate)
    return estimate


def tell(estimate: Any) -> None:
    print(estimate.summary(), file=sys.stderr)
    for text in estimate.warnings:
        print(f"warning: {text}", file=sys.stderr)
