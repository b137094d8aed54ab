# SPDX-License-Identifier: Apache-2.0
"""The networks as ordinary torch modules that own their parameters, for torch's training tools. Needs torch.

>>> network = WanTransformer.from_model(WorldModel.load("embedded"))
>>> for block in network.blocks:
...     fully_shard(block)                                    # torch.distributed.fsdp, FSDP2
>>> fully_shard(network)
>>> network(latents, timestep, text).square().mean().backward()

They compute in the same C++ functions as `action_images.model`, so `fully_shard`, `DistributedDataParallel`,
`torch.utils.checkpoint` and `torch.distributed.checkpoint` work on them as on any module (docs/fsdp.md).
"""

from __future__ import annotations

from ._export import full_state, save_transformer
from .wan import WanBlock, WanTransformer

__all__ = ["WanBlock", "WanTransformer", "full_state", "save_transformer"]
