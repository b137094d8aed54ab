# SPDX-License-Identifier: Apache-2.0
"""The processes of a run, as torchrun starts them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def rank() -> int:
    """Number of this process, 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def process_group() -> Iterator[str | None]:
    """Yields the name of the group of this job's processes, which torch.distributed makes from the environment; None for a
    process that is alone. NCCL carries tensors on GPUs, Gloo the others."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        yield None
        return
    import torch
    import torch.distributed as distributed

    given = distributed.is_initialized()
    if not given:
        gpu = torch.cuda.is_available() and distributed.is_nccl_available()
        if gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    try:
        yield distributed.group.WORLD.group_name
    finally:
        if not given:
            distributed.destroy_process_group()


class StopRequests:
    """While it is open, SIGTERM and SIGINT ask to stop instead of ending the process."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequests:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread: the signals stay as they are
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _ask(self, *_: object) -> None:
        self.asked = True
