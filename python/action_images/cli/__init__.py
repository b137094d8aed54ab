# SPDX-License-Identifier: Apache-2.0
"""The command line `action-images`: one file of this folder for each command.

A command's module has `HELP`, `configure(parser)` and `run(arguments)`; it imports what is heavy when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from .. import __version__
from . import (
    calibrate,
    cameras,
    convert,
    dataset,
    decode,
    doctor,
    encode,
    evaluate,
    generate,
    inspect,
    released,
    render,
    rescale,
    scene,
    train,
    train_action_head,
    train_vae,
    view,
)
from .arguments import Parser

__all__ = ["main"]

COMMANDS = {
    "generate": generate,
    "encode": encode,
    "decode": decode,
    "doctor": doctor,
    "rescale": rescale,
    "calibrate": calibrate,
    "train": train,
    "train-action-head": train_action_head,
    "train-vae": train_vae,
    "eval": evaluate,
    "scene": scene,
    "cameras": cameras,
    "render": render,
    "view": view,
    "convert": convert,
    "inspect": inspect,
    "dataset": dataset,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns 0 or what the command says; 2 after bad input, which one line on the standard error names;
    130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parsed = parser(commands_for(arguments)).parse_args(arguments)
        return parsed.run(parsed) or 0
    except KeyboardInterrupt:
        complain("stopped by Ctrl-C")
        return 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ImportError, MemoryError) as error:
        complain(f"error: {description(error)}")
        return 2


def commands_for(arguments: Sequence[str]) -> dict[str, ModuleType]:
    """The commands; `generate` is the one that takes the released implementation's flags if such a flag is used."""
    if "generate" in arguments[:1] and released.is_asked_for(arguments):
        return {**COMMANDS, "generate": released}
    return COMMANDS


def parser(modules: Mapping[str, ModuleType] = COMMANDS) -> Parser:
    """The parser of all commands."""
    top = Parser(prog="action-images", description="Robot policy learning as multiview video generation.")
    add_version(top)
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, command in modules.items():
        added = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        add_version(added)
        command.configure(added)
        added.set_defaults(run=command.run)
    return top


def add_version(parser: Parser) -> None:
    parser.add_argument("--version", action="version", version=f"action-images {__version__}")


def description(error: BaseException) -> str:
    """An error's text, in one line."""
    if isinstance(error, OSError) and error.strerror:
        text = f"[file] {error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = str(error) or "[cli] memory: expected enough of it, got none"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def complain(text: str) -> None:
    print(f"action-images: {text}", file=sys.stderr)
