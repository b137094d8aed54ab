# SPDX-License-Identifier: Apache-2.0
"""Trains a world model, or goes on with an interrupted run in the same folder. Ctrl-C saves and stops.

Under torchrun it trains with many processes: torchrun --nproc-per-node 8 -m action_images train --config FILE
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..training_options import PLACES, RUN_OPTIONS
from .arguments import Parser, add_out, add_quiet, add_threads, use_threads, whole_number
from .output import check_folder

HELP = "train a world model, or resume"
WHERE = "cli::train"
FIRST_VALIDATION_SEED = 100_000


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--config", default="embedded", metavar="NAME|FILE", help="embedded (default), release, paper, or a TOML, YAML or JSON file")
    add("--data", type=Path, metavar="DIR", help="data set to train on; default with embedded: rendered into OUT/data first")
    add("--validation", type=Path, metavar="DIR", help="data set that is never trained on")
    add_out(parser, "for checkpoints, log and model; default: output_dir of the config", required=False)
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change the config: optimizer.learning_rate=1e-3",
    )
    add("--log-to", action="append", default=[], choices=("tensorboard", "wandb"), help="beside log.jsonl; may be repeated")
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
    add_run_options(parser)


def add_run_options(parser: Parser) -> None:
    """Options with the names of the released implementation; each sets the key of that name in the config."""
    group = parser.add_argument_group("the released train.py's names", "Each sets the key of that name.")
    for name, kind in RUN_OPTIONS.items():
        if kind is bool:
            group.add_argument(f"--{name}", action="store_const", const="true")
        else:
            group.add_argument(f"--{name}", metavar=kind.__name__.upper())


def run(arguments: Namespace) -> int | None:
    config = configuration(arguments)
    if arguments.print_config:
        print(json.dumps(config, indent=2))
        return None
    output = output_folder(arguments, config)
    check_folder(output)

    from .. import training
    from ..model import check_train_config

    check_train_config(config)
    use_threads(arguments.threads)
    if not config.get("dataset_path"):
        render(config, arguments, output)
    finished = training.start(config, output, quiet=arguments.quiet, log_to=arguments.log_to)
    if not arguments.quiet and training.rank() == 0:
        model = output / "final_model.safetensors"
        print(f"{model}: trained" if finished else f"{output}: saved; the same command goes on from there")
    return None if finished else 130


def configuration(arguments: Namespace) -> dict[str, Any]:
    """The training configuration with the command line's changes."""
    from ..training.config import assign, read_config
    from ..training.run import with_packaged_files

    config = read_config(arguments.config)
    for key, given in (("dataset_path", arguments.data), ("validation_path", arguments.validation)):
        if given:
            config[key] = str(given)
    for name in RUN_OPTIONS:
        if (text := getattr(arguments, name)) is not None:
            assign(config, f"{name}={text}")
    for assignment in arguments.set:
        assign(config, assignment)
    return with_packaged_files(config)


def output_folder(arguments: Namespace, config: dict[str, Any]) -> Path:
    """--out, or else output_dir of the config, which is taken out of it."""
    named = config.pop("output_dir", None)
    if arguments.out is None and not named:
        raise ValueError(f"[{WHERE}] --out: expected a folder, got none")
    return arguments.out or Path(str(named))


def render(config: dict[str, Any], arguments: Namespace, output: Path) -> None:
    """Renders the tabletop in the sizes that the config asks for, and names the folders in it."""
    from ..simulation import write_dataset

    model = config["model"]
    size = {name: model[name] for name in ("height", "width", "frames")}
    sets = {"dataset_path": ("train", "train", arguments.episodes, 0)}
    if not config.get("validation_path") and arguments.validation_episodes:
        sets["validation_path"] = ("validation", "eval", arguments.validation_episodes, FIRST_VALIDATION_SEED)
    for key, (name, domain, episodes, first_seed) in sets.items():
        folder = output / "data" / name
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


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
