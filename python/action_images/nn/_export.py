# SPDX-License-Identifier: Apache-2.0
"""Whole weights of networks that torch may have sharded."""

from __future__ import annotations

import os

import torch

from .. import _model


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def full_state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The whole parameters on the CPU by their published names, without what wrappers put in front of them.

    Collective: with a process group every rank calls it; ranks other than 0 get an empty dict.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    if not _is_distributed():
        return {name: value.detach().cpu() for name, value in network.state_dict().items()}
    return get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def save_transformer(
    network: torch.nn.Module, path: str | os.PathLike, *, dtype: torch.dtype | None = None, prefix: str = ""
) -> None:
    """Writes the weights, which may be sharded, as one safetensors file with the published names.

    Collective, as `full_state`: rank 0 writes, and all ranks return when the file is there. dtype: of the file, by
    default the parameters'. prefix: in front of the names, such as "transformer." of a world model's folder.

    Raises FormatError on rank 0 if the file cannot be written, RuntimeError on the others.
    """
    state = full_state(network)
    failed = None
    if state:
        state = {prefix + name: value.to(dtype or value.dtype).contiguous() for name, value in state.items()}
        try:
            _model.save_tensors(os.fspath(path), state)
        except ValueError as error:
            failed = error
    if _is_distributed():
        outcome = [failed is not None]
        torch.distributed.broadcast_object_list(outcome, src=0)
        if outcome[0] and failed is None:
            raise RuntimeError(f"[nn::save_transformer] {os.fspath(path)}: expected a file, got an error on rank 0")
    if failed is not None:
        raise failed
