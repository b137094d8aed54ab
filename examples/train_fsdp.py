# SPDX-License-Identifier: Apache-2.0
"""Trains a transformer whose weights are sharded over processes (FSDP2), with sharded checkpoints (DCP) that any number
of processes resumes from.

    torchrun --standalone --nproc-per-node 2 examples/train_fsdp.py runs/fsdp --steps 20
    torchrun --standalone --nproc-per-node 4 examples/train_fsdp.py runs/fsdp --steps 40     # goes on from step 20

The data are synthetic latents: a pattern for each of four prompts. `runs/fsdp/transformer.safetensors` holds the whole
weights by their published names at the end, `runs/fsdp/log.jsonl` the losses.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from action_images.nn import WanTransformer, save_transformer

CONFIG = {
    "dim": 48, "in_dim": 8, "ffn_dim": 96, "out_dim": 8, "num_heads": 4, "num_layers": 3, "text_dim": 24,
    "freq_dim": 32, "camera_channels": 16, "camera_pool": [16, 2, 2],
}  # fmt: skip
GRID = (6, 4, 4)  # latent frames of [video, action] of a view, height, width
PROMPTS = 4


def sample(seed: int, index: int) -> dict[str, torch.Tensor]:
    """The `index`-th sample of an endless data set, whoever asks: latents, noise, noise level, text and cameras."""
    prompt = index % PROMPTS
    of_prompt = torch.Generator().manual_seed(seed * PROMPTS + prompt)
    of_sample = torch.Generator().manual_seed((seed << 32) + index)
    return {
        "text": torch.randn(6, CONFIG["text_dim"], generator=of_prompt),
        "clean": torch.randn(CONFIG["in_dim"], 1, 1, 1, generator=of_prompt).expand(-1, *GRID),
        "camera": torch.randn(GRID[0], CONFIG["camera_channels"], *GRID[1:], generator=of_sample),
        "noise": torch.randn(CONFIG["in_dim"], *GRID, generator=of_sample),
        "sigma": torch.rand((), generator=of_sample),
    }


def batch_of(arguments: argparse.Namespace, step: int, device: torch.device) -> dict[str, torch.Tensor]:
    """This process's equal share of the step's global batch."""
    share = arguments.batch // dist.get_world_size()
    first = step * arguments.batch + dist.get_rank() * share
    samples = [sample(arguments.seed, index) for index in range(first, first + share)]
    return {name: torch.stack([one[name] for one in samples]).to(device) for name in samples[0]}


def loss_of(network: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean squared error of the velocity, noise - clean."""
    level = batch["sigma"].view(-1, 1, 1, 1, 1)
    noisy = (1 - level) * batch["clean"] + level * batch["noise"]
    velocity = network(noisy, batch["sigma"] * 1000.0, batch["text"], camera=batch["camera"])
    return (velocity.float() - (batch["noise"] - batch["clean"])).square().mean()


def parallel(network: WanTransformer, mode: str) -> torch.nn.Module:
    if mode == "ddp":
        return DistributedDataParallel(network)
    mesh = init_device_mesh(next(network.parameters()).device.type, (dist.get_world_size(),))
    for block in network.blocks:
        fully_shard(block, mesh=mesh)
    return fully_shard(network, mesh=mesh)


class Checkpoint:
    """The run's state in a folder for each saved step; the newest complete one counts."""

    def __init__(self, folder: pathlib.Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer):
        self.folder, self.network, self.optimizer = folder, network, optimizer

    def save(self, step: int) -> None:
        weights, moments = get_state_dict(self.network, self.optimizer)
        dcp.save({"network": weights, "optimizer": moments}, checkpoint_id=self.folder / f"step_{step}")

    def resume(self) -> int:
        """The step to go on from: 0 without a checkpoint. DCP writes a checkpoint's .metadata last."""
        steps = [int(path.parent.name[5:]) for path in self.folder.glob("step_*/.metadata")]
        if not steps:
            return 0
        weights, moments = get_state_dict(self.network, self.optimizer)
        state = {"network": weights, "optimizer": moments}
        dcp.load(state, checkpoint_id=self.folder / f"step_{max(steps)}")
        set_state_dict(
            self.network, self.optimizer, model_state_dict=state["network"], optim_state_dict=state["optimizer"]
        )
        return max(steps)


def train(arguments: argparse.Namespace) -> None:
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if torch.cuda.is_available() else torch.device("cpu")
    network = WanTransformer(CONFIG, seed=arguments.seed, checkpoint=arguments.activation_checkpoint).to(device)
    network = parallel(network, arguments.mode)
    kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
    optimizer = kinds[arguments.optimizer](network.parameters(), lr=arguments.learning_rate)
    checkpoint = Checkpoint(arguments.output, network, optimizer)
    for step in range(checkpoint.resume(), arguments.steps):
        loss = loss_of(network, batch_of(arguments, step, device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.detach() / dist.get_world_size()
        dist.all_reduce(mean)
        if dist.get_rank() == 0:
            with open(arguments.output / "log.jsonl", "a") as log:
                log.write(json.dumps({"step": step, "loss": mean.item()}) + "\n")
    checkpoint.save(arguments.steps)
    save_transformer(network, arguments.output / "transformer.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path, help="folder of checkpoints, log and weights")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8, help="samples of a step over all processes")
    parser.add_argument("--mode", choices=("fsdp", "ddp"), default="fsdp")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--activation-checkpoint", action="store_true", help="compute blocks again for gradients")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if arguments.batch % dist.get_world_size():
        raise SystemExit(f"--batch: expected a multiple of {dist.get_world_size()} processes, got {arguments.batch}")
    train(arguments)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
