# SPDX-License-Identifier: Apache-2.0
"""Starting a run from a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .logs import Listener, TerminalLog, make_log
from .processes import StopRequests, process_group, rank

PACKAGE = Path(__file__).parents[1]


def start(config: Mapping[str, Any], output: Path, *, quiet: bool = False, log_to: Sequence[str] = ()) -> bool:
    """Trains, or goes on with the run that is found in `output`. Ctrl-C and SIGTERM save and stop.

    config: as read_config gives it. log_to: "tensorboard", "wandb". Returns True when the run reached its end. Under
    torchrun every process calls this; the first one logs.
    """
    from .. import data  # noqa: F401  (makes the kinds of data sets known that Python reads)
    from ..model import train

    listeners: list[Listener] = []
    with ExitStack() as opened:
        stop = opened.enter_context(StopRequests())
        group = opened.enter_context(process_group())
        if rank() == 0:
            listeners = [make_log(name, output, config) for name in log_to]
            listeners.append(opened.enter_context(TerminalLog(not quiet)))

        def hear(event: Mapping[str, Any]) -> bool:
            if event["event"] != "step":
                for listener in listeners:
                    listener(event)
            return not stop.asked

        return train(config, output, hear, group=group)


def with_packaged_files(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with paths of the package: of its tokenizer, where it starts at random and names none, and of the
    embedded model, where it starts from that."""
    embedded = PACKAGE / "models" / "embedded"
    if not config.get("init_ckpt_path"):
        config.setdefault("tokenizer", str(embedded / "tokenizer.model"))
    elif config["init_ckpt_path"] == "embedded":
        config["init_ckpt_path"] = str(embedded)
    return config
