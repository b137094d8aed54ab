# SPDX-License-Identifier: Apache-2.0
"""Reads every episode of a data set and says what is in it and which ones cannot be used.

Exits with 0 if all is well, 1 if the share of bad episodes is above --max-bad-share, 2 after bad input. Episodes that an
option of the spec rejects are counted apart from bad ones.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from .arguments import Parser, add_quiet, number, whole_number
from .inspect import plain
from .output import check_folder

HELP = "counts, cameras, gripper, bad episodes; pictures with the trajectory in them"
BAR = 40  # letters of the longest bar
MOST_BAD = 20  # that are printed


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--overlays", type=Path, metavar="DIR", help="for PNGs with the trajectory drawn into every view")
    add(
        "--samples",
        type=whole_number(1, 10000),
        default=4,
        metavar="N",
        help="episodes with a PNG; default: %(default)s",
    )
    add("--max-bad-share", type=number, default=0.0, metavar="X", help="of bad episodes, 0..1; default: %(default)s")
    add("--threads", type=whole_number(0, 1024), default=0, metavar="N", help="default: one per core")
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
        report = check(
            dataset,
            overlays=arguments.overlays,
            samples=arguments.samples,
            threads=arguments.threads,
            progress=lambda done, total: advance(1),
        )
    if arguments.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    elif not arguments.quiet:
        print("\n".join(lines(report)))
    return 1 if not report["episodes"] or report["bad_share"] > arguments.max_bad_share else 0


def lines(report: dict[str, Any]) -> list[str]:
    """A report as text."""
    rejected = sum(bad["rejected"] for bad in report["bad"])
    good, bad = report["episodes"] - len(report["bad"]), len(report["bad"]) - rejected
    counts = f"{report['episodes']}, {good} good, {bad} bad ({100 * report['bad_share']:.3g} %)"
    shown = [
        ("data set", plain(report["name"])),
        ("episodes", counts + (f", {rejected} rejected" if rejected else "")),
        ("frames", f"{report['frames']}, of an episode {report['shortest']} to {report['longest']}"),
        ("duration", duration(report["seconds"])),
        ("actions", f"in {report['with_actions']} episodes"),
        ("texts", f"in {report['with_texts']} episodes"),
    ]
    views = ", ".join(f"{count} in {episodes}" for count, episodes in sorted(report["view_counts"].items()))
    moving = f"; {report['moving_cameras']} episodes with a camera that moves" if report["moving_cameras"] else ""
    shown.append(("views", f"{views or 'none'}{' episodes' if views else ''}{moving}"))
    shown += [("", f"{plain(name)} px: {count}") for name, count in report["view_sizes"].items()]
    shown += [("gripper" if not place else "", bar) for place, bar in enumerate(histogram(report))]
    shown += [("notice", plain(notice)) for notice in report["notices"]]
    for entry in report["bad"][:MOST_BAD]:
        shown.append(("rejected" if entry["rejected"] else "bad", f"{plain(entry['name'])}: {plain(entry['reason'])}"))
    if len(report["bad"]) > MOST_BAD:
        shown.append(("", f"and {len(report['bad']) - MOST_BAD} more (--json lists all)"))
    shown += [("overlay", name) for name in report["overlays"]]
    return [f"{name:<12}{text}".rstrip() for name, text in shown]


def histogram(report: dict[str, Any]) -> list[str]:
    """The openness of the gripper over all frames, closed first; then how often it is in a picture."""
    counts = report["openness"]
    total, most = sum(counts), max(counts)
    if not total:
        return ["no actions"]
    rows = []
    for place, count in enumerate(counts):
        bar = "█" * round(BAR * count / most)
        rows.append(f"{place / len(counts):.1f}..{(place + 1) / len(counts):.1f} {100 * count / total:5.1f} % {bar}")
    return [
        *rows,
        f"inside a picture in {100 * report['seen'] / max(1, report['seen'] + report['unseen']):.1f} % of the frames",
    ]


def duration(seconds: float) -> str:
    """Seconds as one reads them."""
    minutes, hours = seconds / 60, seconds / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{minutes:.1f} min" if minutes >= 1 else f"{seconds:.1f} s"
