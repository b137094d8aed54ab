# SPDX-License-Identifier: Apache-2.0
"""Runs of `python -m action_images train`: killed and resumed, with several processes, and what `generate` makes of them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from action_images.model import WorldModel, load_tensors  # noqa: E402

TINY = Path(__file__).parents[2] / "examples/train_tiny.toml"
DATA = "synthetic:?episodes=6&frames=9&views=2&height=32&width=32"
SMALL = {
    "dataset_path": DATA,
    "validation_path": "",
    "batch_size": 4,
    "vae_fit.clips": 4,
    "log_every_n_steps": 1,
    "checkpoint_every_n_steps": 2,
}
# One thread: sums in the same order whatever the machine.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(output, processes=1, **changes):
    settings = {**SMALL, "output_dir": output, **changes}
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return [*start, "action_images", "train", "--config", str(TINY), "--quiet", *sets]


def train(output, processes=1, **changes):
    done = subprocess.run(
        command(output, processes, **changes), env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return load_tensors(Path(output) / "final_model.safetensors")


def losses(output):
    events = [json.loads(line) for line in (Path(output) / "log.jsonl").read_text().splitlines()]
    return [event["loss"] for event in events if event["event"] == "log"]


def assert_same(tensors, expected, tolerance=0.0):
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        scale = tensor.abs().max().item()
        assert (tensors[name] - tensor).abs().max().item() <= tolerance * max(scale, 1.0), name


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of six steps in one process."""
    output = tmp_path_factory.mktemp("straight")
    return output, train(output, max_steps=6)


def test_the_tiny_example_leaves_a_model_that_plans(straight):
    import numpy as np

    from action_images import data

    output, _ = straight
    sample = data.open(DATA)[0]
    rollout = WorldModel.load(output / "final_model.safetensors").generate(
        list(sample.video[:, 0]), sample.text, rig=sample.rig
    )
    assert rollout.video.shape == (2, 9, 32, 32, 3) and np.asarray(rollout.actions).shape == (9, 7)


def test_a_killed_run_goes_on_to_the_same_bits(straight, tmp_path):
    running = subprocess.Popen(command(tmp_path, max_steps=6), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("checkpoint-*/manifest.json")) and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert_same(train(tmp_path, max_steps=6), straight[1])


def test_a_run_of_n_steps_and_n_more_is_one_of_two_n(straight, tmp_path):
    train(tmp_path, max_steps=3)
    assert_same(train(tmp_path, max_steps=6), straight[1])


def test_another_seed_gives_other_weights(straight, tmp_path):
    other = train(tmp_path, max_steps=6, seed=1)
    assert any(not torch.equal(other[name], tensor) for name, tensor in straight[1].items())


def test_sigterm_saves_and_the_run_goes_on(straight, tmp_path):
    running = subprocess.Popen(command(tmp_path, max_steps=6), env=ENVIRONMENT)
    while not (tmp_path / "log.jsonl").exists() or not losses(tmp_path):
        assert running.poll() is None
        time.sleep(0.02)
    running.terminate()
    assert running.wait(60) in (0, 130)
    assert_same(train(tmp_path, max_steps=6), straight[1])


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    output = tmp_path_factory.mktemp("one")
    return output, train(output, max_steps=4, **SGD)


SGD = {"optimizer.kind": "sgd", "optimizer.momentum": 0.9, "optimizer.learning_rate": 0.01, "batch_size": 4}


@pytest.mark.parametrize("parallel", ["ddp", "zero1", "zero2"])
@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_train_like_one(one_process, tmp_path, parallel, processes):
    changes = {**SGD, "batch_size": 4 // processes, "parallel": parallel}
    weights = train(tmp_path, processes, max_steps=4, **changes)
    assert losses(tmp_path) == pytest.approx(losses(one_process[0]), rel=1e-6)
    assert_same(weights, one_process[1], 1e-6)


def test_a_run_goes_on_with_another_number_of_processes(one_process, tmp_path):
    train(tmp_path, 2, max_steps=2, **{**SGD, "batch_size": 2, "parallel": "zero2"})
    weights = train(tmp_path, max_steps=4, **SGD)
    assert_same(weights, one_process[1], 1e-6)


def test_accumulated_gradients_in_several_processes_are_those_of_one_batch(one_process, tmp_path):
    changes = {**SGD, "batch_size": 1, "gradient_accumulation_steps": 2, "parallel": "zero2"}
    assert_same(train(tmp_path, 2, max_steps=4, **changes), one_process[1], 1e-6)


def test_another_batch_is_not_gone_on_with(tmp_path):
    train(tmp_path, max_steps=2)
    done = subprocess.run(
        command(tmp_path, max_steps=4, batch_size=2), env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "expected 8 samples in 2 steps" in done.stderr


def test_one_clip_is_learnt_to_five_millimetres(tmp_path):
    clip = "synthetic:?episodes=1&frames=9&height=64&width=64"
    settings = {
        "model.transformer.num_layers": 2,
        "phases": '[{"steps": 250, "batch": 4}]',
        "text_dropout": 0,
        "first_action_known": 0,
        "bfloat16": "false",
        "ema": 0.9,
        "validate_every_n_steps": 1000,
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    run = [sys.executable, "-m", "action_images", "train", "--config", "embedded", "--quiet", "--out", str(tmp_path)]
    done = subprocess.run(
        [*run, "--data", clip, "--validation", clip, *sets], env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    plans = [event for event in events if event["event"] == "validation"]
    assert plans[-1]["trajectory_error_mm"] < 5.0
