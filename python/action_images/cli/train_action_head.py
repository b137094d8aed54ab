# SPDX-License-Identifier: Apache-2.0
"""Trains an action head, which corrects the actions that a world model's action images are read as."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from .. import FormatError
from .arguments import Parser, add_quiet, add_threads, use_threads, whole_number
from .output import read_json

HELP = "train an action head for a world model"
WHERE = "cli::train-action-head"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--model", default="embedded", metavar="NAME|DIR", help="world model; default: embedded")
    add("--data", required=True, metavar="PATH|SPEC@RATIO,...", help="data sets with recorded actions")
    add("--out", type=Path, required=True, metavar="FILE", help="action_head.safetensors")
    add("--config", type=Path, metavar="FILE", help="JSON object of options: steps, batch, hidden, learning_rate, ...")
    add("--steps", type=whole_number(1), metavar="N", help="of the optimiser; default: 2000")
    add("--clips", type=whole_number(1), metavar="N", help="drawn from the data; default: one of every episode")
    add("--views", type=whole_number(1), metavar="N", help="drawn for a clip; default: all of an episode")
    add("--seed", type=whole_number(0, 2**63 - 1), metavar="N", help="equal seeds give equal weights; default: 0")
    add("--cache", type=Path, metavar="DIR", help="keeps what is generated of the clips for the next training")
    add_threads(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> int | None:
    options = options_of(arguments)
    if not arguments.out.absolute().parent.is_dir():
        raise ValueError(f"[{WHERE}] --out: expected a file in a folder that is there, got {arguments.out}")

    from ..model import WorldModel, train_action_head

    use_threads(arguments.threads)
    with ExitStack() as opened:
        head = train_action_head(
            WorldModel.load(arguments.model),
            arguments.data,
            progress=Progress(opened, show=not arguments.quiet),
            **options,
        )
    head.save(arguments.out)
    if not arguments.quiet:
        print(f"{arguments.out}: {head.num_parameters} parameters")
    return None


def options_of(arguments: Namespace) -> dict:
    """The file's options, and over them those of the command line."""
    options = read_json(arguments.config, WHERE) if arguments.config else {}
    if not isinstance(options, dict):
        raise FormatError(f"[{WHERE}] {arguments.config}: expected a JSON object, got {type(options).__name__}")
    for name in ("steps", "clips", "views", "seed", "cache"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    return options


class Progress:
    """Shows the clips and then the steps."""

    def __init__(self, opened: ExitStack, show: bool):
        self.opened, self.show, self.stage, self.advance = opened, show, "", None

    def __call__(self, stage: str, done: int, total: int, loss: float) -> None:
        from ..progress import progress_bar

        if stage != self.stage:
            self.opened.close()
            self.stage = stage
            self.advance = self.opened.enter_context(progress_bar(self.show, total, done=done - 1, label=stage))
        self.advance(1, f"loss {loss:.4g}" if stage == "steps" else "")
