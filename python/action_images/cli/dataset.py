# SPDX-License-Identifier: Apache-2.0
"""Data sets: is one sound (check), and what does it look like (preview)?"""

from __future__ import annotations

from argparse import Namespace

from . import dataset_check, dataset_preview
from .arguments import Parser

HELP = "check a data set, or look at samples of it"
COMMANDS = {"check": dataset_check, "preview": dataset_preview}


def configure(parser: Parser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", dest="dataset_command", required=True)
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        added.add_argument("spec", metavar="PATH|SPEC", help='a folder, or "kind:path" such as lerobot:data/mine')
        command.configure(added)


def run(arguments: Namespace) -> int:
    return COMMANDS[arguments.dataset_command].run(arguments)
