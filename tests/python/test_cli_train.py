# SPDX-License-Identifier: Apache-2.0
"""`action-images train`: the configuration, and a run of a few steps with everything around it."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

import tiny_world  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import WorldModel, load_tensors, train  # noqa: E402

RECIPE = {
    "model": tiny_world.CONFIG,
    "tokenizer": str(tiny_world.TOKENIZER),
    "phases": [
        {"sequence": "image_to_action", "steps": 2, "batch": 2},
        {"sequence": "joint", "steps": 4, "batch": 2, "tasks": {"i2va": 1, "a2v": 1, "v2a": 1, "i2v": 1}},
    ],
    "cached_clips": -1,
    "log_every_n_steps": 1,
    "checkpoint_every_n_steps": 3,
    "validate_every_n_steps": 3,
    "validation_clips": 2,
}
needs_mujoco = pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="needs the extra simulation")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with one shard of three clips, written without a simulator."""
    from safetensors.numpy import save_file

    count, rig = 3, tiny_world.rig()
    random = np.random.default_rng(0)
    shape = (count, tiny_world.VIEWS, tiny_world.FRAMES, tiny_world.SIZE, tiny_world.SIZE, 3)
    tensors = {
        "video": random.integers(0, 256, shape, dtype=np.uint8),
        "actions": np.stack([tiny_world.actions()] * count).astype(np.float32),
        "intrinsics": np.stack([rig.intrinsics] * count).astype(np.float32),
        "world_from_camera": np.stack([rig.world_from_camera] * count).astype(np.float32),
        "goal": np.zeros((count, 3), np.float32),
    }
    folder = tmp_path_factory.mktemp("clips")
    header = {"format": "action-images-clips", "version": "1", "texts": json.dumps(["reach the red block"] * count)}
    save_file(tensors, folder / "shard-00000.safetensors", header)
    return folder


def test_print_config_shows_the_packaged_recipe_with_the_packaged_tokenizer(command_line):
    shown = command_line("train", "--print-config")
    config = json.loads(shown.out)
    packaged = Path(aim.__file__).parent
    recipe = json.loads((packaged / "configs/embedded.json").read_text())
    assert config == {**recipe, "tokenizer": str(packaged / "models/embedded/tokenizer.model")}
    assert command_line("train", "--config", "embedded", "--print-config").out == shown.out


def test_set_changes_numbers_texts_lists_and_new_keys(command_line, recipe):
    changes = [
        "seed=3",
        "phases.1.steps=7",
        "model.name=mine",
        "optimizer.learning_rate=1e-4",
        'phases.0.tasks={"i2v": 1}',
    ]
    options = [part for change in changes for part in ("--set", change)]
    shown = json.loads(command_line("train", "--config", recipe, "--print-config", "--data", "clips", *options).out)
    assert (shown["seed"], shown["phases"][1]["steps"], shown["model"]["name"]) == (3, 7, "mine")
    assert shown["optimizer"] == {"learning_rate": 1e-4} and shown["phases"][0]["tasks"] == {"i2v": 1}
    assert shown["dataset_path"] == "clips" and shown["tokenizer"] == RECIPE["tokenizer"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--set", "seed"], 'expected KEY=VALUE, got "seed"'),
        (["--set", "=3"], "expected KEY=VALUE"),
        (["--set", "phases.9.steps=1"], "--set phases.9.steps: expected a key of the config"),
        (["--set", "phases.last.steps=1"], "--set phases.last.steps: expected a key of the config"),
        (["--set", "log_every_n_steps.now=1"], "--set log_every_n_steps.now: expected a key of the config"),
        (["--set", "wings=2"], "wings"),
        (["--set", "log_every_n_steps=0"], "log_every_n_steps: expected a positive number"),
        (["--set", "model.frames=8"], "frames: expected 4k + 1"),
        (["--data", "nowhere"], "nowhere: expected a folder, got none"),
        (["--config", "nowhere.json"], "nowhere.json: expected a readable TOML, YAML or JSON file"),
    ],
)
def test_wrong_configurations_are_refused_before_anything_is_rendered(refused, recipe, tmp_path, options, message):
    assert message in refused("train", "--config", recipe, "--out", tmp_path / "out", "--quiet", *options)
    assert not (tmp_path / "out" / "data").exists()


def test_training_needs_an_output_folder(refused, recipe):
    assert "--out: expected a folder, got none" in refused("train", "--config", recipe)


def test_a_run_leaves_a_model_that_plans(command_line, recipe, clips, tmp_path):
    out = tmp_path / "out"
    result = command_line("train", "--config", recipe, "--data", clips, "--validation", clips, "--out", out)
    assert result.code == 0, result.err
    assert "step 6/6 loss" in result.err and result.out == f"{out / 'final_model.safetensors'}: trained\n"
    rollout = WorldModel.load(out / "model").generate(tiny_world.pictures(), "reach", rig=tiny_world.rig())
    assert rollout.video.shape == (2, 5, 32, 32, 3)
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} >= {"cache", "log", "validation", "done"}
    assert all(np.isfinite(event["loss"]) for event in events if event["event"] == "log")


def test_a_stopped_run_goes_on_to_the_same_weights(recipe, clips, tmp_path):
    config = {**RECIPE, "dataset_path": str(clips)}
    assert train(config, tmp_path / "whole")
    heard = []

    def stop_at_three(event):
        heard.append(event["event"])
        return not (event["event"] == "log" and event["step"] == 3)

    assert not train(config, tmp_path / "parts", stop_at_three) and "log" in heard
    assert not (tmp_path / "parts" / "model").exists()
    assert train(config, tmp_path / "parts")
    whole, parts = (load_tensors(tmp_path / name / "model/model.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_run_may_be_stopped_while_clips_are_encoded(clips, tmp_path):
    config = {**RECIPE, "dataset_path": str(clips)}
    assert not train(config, tmp_path, lambda event: event["event"] != "cache")
    assert train(config, tmp_path)


def test_a_listener_that_is_interrupted_stops_and_saves(clips, tmp_path):
    def interrupted(event):
        if event["event"] == "log":
            raise KeyboardInterrupt

    assert not train({**RECIPE, "dataset_path": str(clips)}, tmp_path, interrupted)
    assert list(tmp_path.glob("checkpoint-*/manifest.json"))


def test_ctrl_c_saves_and_exits_with_130(interrupted, recipe, clips, tmp_path):
    result = interrupted(
        "train", "--config", recipe, "--data", clips, "--out", tmp_path / "out", "--set", "phases.1.steps=1000000"
    )
    assert result.code == 130 and "saved; the same command goes on" in result.out and "Traceback" not in result.err
    assert any(name.startswith("checkpoint-") for name in os.listdir(tmp_path / "out"))


@needs_mujoco
@pytest.mark.simulation
def test_without_data_the_tabletop_is_rendered_in_the_models_size(command_line, recipe, tmp_path):
    counts = ["--episodes", 3, "--validation-episodes", 2, "--processes", 1]
    result = command_line("train", "--config", recipe, "--out", tmp_path / "out", *counts)
    assert result.code == 0, result.err
    for name, domain, episodes in [("train", "train", 3), ("validation", "eval", 2)]:
        summary = json.loads((tmp_path / "out/data" / name / "dataset.json").read_text())
        settings = summary["settings"]
        assert (summary["episodes"], settings["domain"]) == (episodes, domain)
        assert (settings["height"], settings["width"], settings["frames"], settings["views"]) == (32, 32, 5, 2)
    assert (tmp_path / "out/model/model.safetensors").exists()
