# SPDX-License-Identifier: Apache-2.0
"""Prints what is in weights: the network and its sizes, the number of tensors, their dtypes and sizes, free texts."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from .arguments import Parser
from .convert import add_part

HELP = "what is in a file of weights"


def configure(parser: Parser) -> None:
    parser.add_argument("path", type=Path, metavar="FILE", help="a file, an index of shards, or a folder with weights")
    parser.add_argument("--tensors", action="store_true", help="list every tensor")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_part(parser)


def run(arguments: Namespace) -> None:
    from ..model import inspect_weights

    report = inspect_weights(arguments.path, arguments.part)
    if arguments.json:
        if not arguments.tensors:
            report["tensors"] = len(report["tensors"])
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for line in lines(report, arguments.tensors):
        print(line)


def lines(report: dict[str, Any], tensors: bool) -> list[str]:
    """A report as text."""
    shown = [f"{'file' if i == 0 else '':<10}{plain(file)}" for i, file in enumerate(report["files"])]
    shown.append(f"{'holds':<10}{len(report['tensors'])} tensors, {report['values']} values, {size(report['bytes'])}")
    shown.append(f"{'kind':<10}{report['kind']}")
    for name, dtype in report["dtypes"].items():
        counts = f"{dtype['tensors']} tensors, {dtype['values']} values, {size(dtype['bytes'])}"
        shown.append(f"{'dtype':<10}{name}: {counts}")
    for key, value in (report["config"] or {}).items():
        shown.append(f"{'config':<10}{key}: {json.dumps(value)}")
    for key, value in report["metadata"].items():
        shown.append(f"{'metadata':<10}{plain(key)}: {plain(value)[:200]}")
    if tensors:
        shown += [f"{t['dtype']:<10}{plain(t['name'])} {tuple(t['shape'])}" for t in report["tensors"]]
    return shown


def plain(text: str) -> str:
    """Text from a file in one line, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def size(count: int) -> str:
    """A number of bytes as one reads it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} GB"
