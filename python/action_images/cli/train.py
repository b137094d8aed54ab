# SPDX-License-Identifier: Apache-2.0
"""Trains a world model, or goes on with an interrupted run in the same folder. Ctrl-C saves and stops."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from .. import FormatError
from .arguments import Parser, add_out, add_quiet, add_threads, use_threads, whole_number
from .output import check_folder, read_json

HELP = "train a world model, or resume"
PACKAGE = Path(__file__).parents[1]
WHERE = "cli::train"
FIRST_VALIDATION_SEED = 100_000


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--config", default="embedded", metavar="NAME|FILE", help="embedded (default), or a JSON file")
    add("--data", type=Path, metavar="DIR", help="clips to train on; default: rendered into OUT/data first")
    add("--validation", type=Path, metavar="DIR", help="clips that are never trained on")
    add_out(parser, "for checkpoint, log and model", required=False)
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change the config: optimizer.learning_rate=1e-3",
    )
    add("--episodes", type=whole_number(1), default=24000, metavar="N", help="to render; default: %(default)s")
    add("--validation-episodes", type=whole_number(0), default=512, metavar="N", help="to render; default: %(default)s")
    add(
        "--processes",
        type=whole_number(1, 256),
        default=_cores(),
        metavar="N",
        help="that render; default: one per core",
    )
    add_threads(parser)
    add("--print-config", action="store_true", help="print the config and do nothing")
    add_quiet(parser)


def run(arguments: Namespace) -> int | None:
    config = configuration(arguments)
    if arguments.print_config:
        print(json.dumps(config, indent=2))
        return None
    if arguments.out is None:
        raise ValueError(f"[{WHERE}] --out: expected a folder, got none")
    check_folder(arguments.out)

    from ..model import check_train_config, train

    check_train_config(config)
    use_threads(arguments.threads)
    if not config.get("data"):
        render(config, arguments)
    with TrainingProgress(not arguments.quiet) as progress:
        finished = train(config, arguments.out, progress)
    if not arguments.quiet:
        model = arguments.out / "model"
        print(f"{model}: trained" if finished else f"{arguments.out}: saved; the same command goes on from there")
    return None if finished else 130


def configuration(arguments: Namespace) -> dict:
    """The training configuration with the command line's changes."""
    named = PACKAGE / "configs" / f"{arguments.config}.json"
    config = read_json(named if named.is_file() else Path(arguments.config), WHERE)
    if not isinstance(config, dict):
        raise FormatError(f"[{WHERE}] {arguments.config}: expected a JSON object, got {type(config).__name__}")
    for name in ("data", "validation"):
        if getattr(arguments, name):
            config[name] = str(getattr(arguments, name))
    for assignment in arguments.set:
        assign(config, assignment)
    config.setdefault("tokenizer", str(PACKAGE / "models" / "embedded" / "tokenizer.model"))
    return config


def assign(config: dict, assignment: str) -> None:
    """Carries out KEY=VALUE: a dotted key, whose numbers are places in lists; a JSON value, or else a text."""
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(f'[{WHERE}] --set: expected KEY=VALUE, got "{assignment}"')
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *parents, last = key.split(".")
    try:
        place = config
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"[{WHERE}] --set {key}: expected a key of the config, got none there") from error


def render(config: dict, arguments: Namespace) -> None:
    """Renders the tabletop in the sizes that the config asks for, and names the folders in it."""
    from ..simulation import write_dataset

    model = config["model"]
    size = {name: model[name] for name in ("height", "width", "frames")}
    sets = {"data": ("train", "train", arguments.episodes, 0)}
    if not config.get("validation") and arguments.validation_episodes:
        sets["validation"] = ("validation", "eval", arguments.validation_episodes, FIRST_VALIDATION_SEED)
    for key, (name, domain, episodes, first_seed) in sets.items():
        folder = arguments.out / "data" / name
        config[key] = str(folder)
        if not arguments.quiet:
            print(f"{folder}: {episodes} episodes", flush=True)
        write_dataset(
            folder,
            episodes,
            domain=domain,
            first_seed=first_seed,
            views=model.get("views") or 2,
            processes=arguments.processes,
            progress=not arguments.quiet,
            **size,
        )


class TrainingProgress:
    """Listens to the trainer: a bar for the clips that are encoded, then one for the steps."""

    def __init__(self, show: bool):
        self._show = show
        self._bars = ExitStack()
        self._label = self._advance = None
        self._done = 0
        self._plans = ""

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(self, *_) -> None:
        self._bars.close()

    def __call__(self, event: dict) -> None:
        kind = event["event"]
        if kind == "cache":
            self._show_bar("shard encoded", event["done"], event["all"], "")
        elif kind == "log":
            losses = f"loss {event['loss']:.3f}, action {event['action_mse']:.3f}, video {event['video_mse']:.3f}"
            self._show_bar("step", event["step"], event["steps"], losses + self._plans)
        elif kind == "validation":
            error, share = event.get("final_error_mm_median"), event.get("within_25_mm")
            self._plans = f"; plans: {100 * share:.0f} % within 25 mm, median {error:.0f} mm"

    def _show_bar(self, label: str, done: int, total: int, note: str) -> None:
        from ..progress import progress_bar

        if label != self._label:
            self._bars.close()
            self._label, self._done = label, 0
            self._advance = self._bars.enter_context(progress_bar(self._show, total, label=label))
        self._advance(done - self._done, note)
        self._done = done


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
