# SPDX-License-Identifier: Apache-2.0
"""examples/train_fsdp.py: sharded or replicated over processes, training is that of one process with the same batch."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="the example needs torch")
pytest.importorskip("torch.distributed.fsdp", reason="the example needs torch's FSDP2")

from action_images.model import load_tensors
from action_images.nn import WanTransformer

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples/train_fsdp.py"
pytestmark = [
    pytest.mark.distributed,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without c10d"),
]


def example():
    spec = importlib.util.spec_from_file_location("train_fsdp", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def train(output, processes, steps, *options):
    """Runs the example; returns the losses that are logged and the weights at the end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", EXAMPLE]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    arguments = [output, "--steps", steps, *options]
    shown = subprocess.run(
        [str(part) for part in command + arguments], env=environment, capture_output=True, text=True, timeout=300
    )
    assert shown.returncode == 0, shown.stderr
    losses = [json.loads(line)["loss"] for line in (output / "log.jsonl").read_text().splitlines()]
    return losses, load_tensors(output / "transformer.safetensors")


def alone(steps, learning_rate=0.5):
    """The same training without torch.distributed, by SGD, in this process."""
    module = example()
    network = WanTransformer(module.CONFIG, seed=0)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    losses = []
    for step in range(steps):
        samples = [module.sample(0, step * 8 + index) for index in range(8)]
        loss = module.loss_of(network, {name: torch.stack([one[name] for one in samples]) for name in samples[0]})
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, network.state_dict()


def assert_equal(got, wanted, tolerance=1e-6):
    assert got[0] == pytest.approx(wanted[0], rel=tolerance)
    assert got[1].keys() == wanted[1].keys()
    for name, value in wanted[1].items():
        assert (got[1][name] - value).abs().max() <= tolerance * max(1.0, value.abs().max().item()), name


SGD = ("--optimizer", "sgd", "--learning-rate", "0.5")


@pytest.fixture(scope="module")
def wanted():
    losses, weights = alone(4)
    fresh = WanTransformer(example().CONFIG, seed=0).state_dict()
    assert losses[-1] < losses[0] and any((weights[name] - fresh[name]).abs().max() > 1e-3 for name in weights)
    return losses, weights


@pytest.mark.parametrize(
    "processes, options",
    [(1, ()), (2, ()), (2, ("--activation-checkpoint",)), (2, ("--mode", "ddp")),
     (2, ("--mode", "ddp", "--activation-checkpoint")), (4, ())],
    ids=["one process", "two sharded", "two sharded, blocks computed again", "two replicated",
         "two replicated, blocks computed again", "four sharded"],
)  # fmt: skip
def test_losses_and_weights_are_those_of_one_process_with_the_same_batch(wanted, tmp_path, processes, options):
    assert_equal(train(tmp_path, processes, 4, *SGD, *options), wanted)


def test_a_run_goes_on_with_another_number_of_processes(wanted, tmp_path):
    train(tmp_path, 2, 2, *SGD)
    assert_equal(train(tmp_path, 1, 4, *SGD), wanted)


def test_the_moments_of_the_optimiser_go_on_too(tmp_path):
    straight = train(tmp_path / "straight", 1, 4)
    train(tmp_path / "stopped", 2, 2)
    losses, weights = train(tmp_path / "stopped", 1, 4)
    assert losses == pytest.approx(straight[0], rel=1e-4)
    for name, value in straight[1].items():
        # AdamW divides by the gradient's size, which makes rounding as large as a step where a gradient is nearly zero.
        assert (weights[name] - value).abs().mean() <= 1e-4, name


def test_a_batch_that_the_processes_cannot_share_equally_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="--batch: expected a multiple of 2 processes, got 3"):
        train(tmp_path, 2, 1, "--batch", "3")
