# SPDX-License-Identifier: Apache-2.0
"""What a run shows of itself: progress on the terminal, and TensorBoard or Weights & Biases where they are asked for.

Every log is a listener: called with each event of the trainer, a dict. The trainer itself writes log.jsonl.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..progress import progress_bar

WHERE = "training::logs"
Listener = Callable[[Mapping[str, Any]], None]


class TerminalLog:
    """A bar for the clips that are encoded, then one for the steps."""

    def __init__(self, show: bool = True):
        self._show = show
        self._bars = ExitStack()
        self._label = self._advance = None
        self._done = 0
        self._plans = ""

    def __enter__(self) -> TerminalLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.close()

    def __call__(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "cache":
            self._show_bar("shard encoded", event["done"], event["all"], "")
        elif kind == "log":
            losses = f"loss {event['loss']:.3f}, action {event['action_mse']:.3f}, video {event['video_mse']:.3f}"
            speed = f", {event['samples_per_second']:.1f} samples/s"
            self._show_bar("step", event["step"], event["steps"], losses + speed + self._plans)
        elif kind == "validation" and event.get("clips"):
            error, share = event["final_error_mm_median"], event["within_25_mm"]
            self._plans = f"; plans: {100 * share:.0f} % within 25 mm, median {error:.0f} mm"
        elif kind in ("skipped", "resumed", "notice") and self._show:
            text = event.get("text") or f"{kind} at step {event.get('step')}"
            print(f"{WHERE}: {text}", file=sys.stderr, flush=True)

    def _show_bar(self, label: str, done: int, total: int, note: str) -> None:
        if label != self._label:
            self._bars.close()
            self._label, self._done = label, 0
            self._advance = self._bars.enter_context(progress_bar(self._show, total, label=label))
        assert self._advance is not None
        self._advance(done - self._done, note)
        self._done = done


def tensorboard_log(folder: Path) -> Listener:
    """Writes the numbers of every event for TensorBoard. Raises ImportError naming the package if it is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(f"[{WHERE}] log_to tensorboard needs the package tensorboard") from error
    writer = SummaryWriter(str(folder))

    def write(event: Mapping[str, Any]) -> None:
        for name, value in _numbers(event).items():
            writer.add_scalar(name, value, event["step"])
        writer.flush()

    return write


def wandb_log(folder: Path, config: Mapping[str, Any]) -> Listener:
    """Sends the numbers of every event to Weights & Biases. Raises ImportError naming the package if it is missing."""
    try:
        import wandb
    except ImportError as error:
        raise ImportError(f"[{WHERE}] log_to wandb needs the package wandb") from error
    run = wandb.init(dir=str(folder), config=dict(config), resume="allow")

    def write(event: Mapping[str, Any]) -> None:
        if numbers := _numbers(event):
            run.log(numbers, step=event["step"])
        if event["event"] == "done":
            run.finish()

    return write


def make_log(name: str, folder: Path, config: Mapping[str, Any]) -> Listener:
    """The log of a name: "tensorboard" or "wandb"."""
    if name == "tensorboard":
        return tensorboard_log(folder / "tensorboard")
    if name == "wandb":
        return wandb_log(folder, config)
    raise ValueError(f'[{WHERE}] log_to: expected tensorboard or wandb, got "{name}"')


def _numbers(event: Mapping[str, Any]) -> dict[str, float]:
    if event["event"] not in ("log", "validation"):
        return {}
    prefix = "train" if event["event"] == "log" else "validation"
    return {
        f"{prefix}/{name}": float(value)
        for name, value in event.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in ("step", "steps")
    }
