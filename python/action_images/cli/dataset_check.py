# SPDX-License-Identifier: Apache-2.0
"""Reads every episode of a data set and says what is in it and which ones cannot be used.

Exits with 0 if all is well, 1 if the share of bad episodes is above --max-bad-share, 2 after bad input.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Parser, add_quiet, number, whole_number
from .inspect import plain
from .output import check_folder

if TYPE_CHECKING:
    from ..data.check import CheckReport

HELP = "counts, cameras, gripper, bad episodes; pictures with the trajectory in them"
BAR = 40  # letters of the longest bar
MOST_BAD = 20  # that are printed


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--overlays", type=Path, metavar="DIR", help="for PNGs with the trajectory drawn into every view")
    add("--samples", type=whole_number(1, 10000), default=4, metavar="N", help="episodes with a PNG; default: %(default)s")
    add("--max-bad-share", type=number, default=0.0, metavar="X", help="of bad episodes, 0..1; default: %(default)s")
    add("--json", action="store_true", help="print the report as JSON")
    add_quiet(parser)


def run(arguments: Namespace) -> int:
    if not 0 <= arguments.max_bad_share <= 1:
        raise ValueError(f"[cli] --max-bad-share: expected 0..1, got {arguments.max_bad_share:g}")
    if arguments.overlays:
        check_folder(arguments.overlays)
    from .. import data
    from ..data.check import check
    from ..progress import progress_bar

    dataset = data.open(arguments.spec)
    with progress_bar(not arguments.quiet, len(dataset), label="episodes") as advance:
        report = check(dataset, overlays=arguments.overlays, samples=arguments.samples, progress=advance)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    elif not arguments.quiet:
        print("\n".join(lines(report)))
    return 1 if not report.episodes or report.bad_share > arguments.max_bad_share else 0


def lines(report: CheckReport) -> list[str]:
    """A report as text."""
    shown = report.as_json()
    good = report.episodes - len(report.bad)
    length = " / ".join(f"{value:g}" for value in shown["frames"]["least_median_most"]) or "none"
    out = [
        f"{'data set':<12}{plain(report.name)}",
        f"{'episodes':<12}{report.episodes}, {good} good, {len(report.bad)} bad ({100 * report.bad_share:.3g} %)",
        f"{'frames':<12}{sum(report.frames)}; least / median / most of an episode: {length}",
        f"{'duration':<12}{duration(report.seconds)}" + (f", and {report.without_rate} episodes of unknown rate" if report.without_rate else ""),
        f"{'texts':<12}{len(report.texts)} different, {report.without_text} episodes without",
    ]
    for name, view in shown["views"].items():
        sizes = ", ".join(f"{width} x {height}" for height, width in view["sizes"][:4])
        seen = "" if view["gripper_visible"] is None else f", gripper inside the picture {100 * view['gripper_visible']:.1f} %"
        moves = f", moves in {view['moving_episodes']}" if view["moving_episodes"] else ""
        out.append(f"{'view':<12}{plain(name) or '(no name)'}: {view['episodes']} episodes, {sizes} px{moves}{seen}")
    out += histogram(report) + [f"{'notice':<12}{plain(notice)}" for notice in report.notices]
    out += [f"{'bad':<12}{plain(name)}: {plain(reason)}" for name, reason in report.bad[:MOST_BAD]]
    out += [f"{'bad':<12}and {len(report.bad) - MOST_BAD} more (--json lists all)"] if len(report.bad) > MOST_BAD else []
    return out + [f"{'overlay':<12}{name}" for name in report.overlays]


def histogram(report: CheckReport) -> list[str]:
    """The openness of the gripper over all frames, closed first."""
    total, bins = int(report.openness.sum()), len(report.openness)
    if not total:
        return [f"{'gripper':<12}no actions"]
    most = int(report.openness.max())
    rows = []
    for place, count in enumerate(report.openness):
        name = "gripper" if not place else ""
        bar = "█" * round(BAR * int(count) / most)
        rows.append(f"{name:<12}{place / bins:.1f}..{(place + 1) / bins:.1f} {100 * count / total:5.1f} % {bar}".rstrip())
    return rows


def duration(seconds: float) -> str:
    """Seconds as one reads them."""
    minutes, hours = seconds / 60, seconds / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{minutes:.1f} min" if minutes >= 1 else f"{seconds:.1f} s"
