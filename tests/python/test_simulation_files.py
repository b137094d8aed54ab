# SPDX-License-Identifier: Apache-2.0
"""What the simulated tabletop writes: shards of clips and scene folders."""

import csv
import importlib.util
import json

import numpy as np
import pytest

from action_images import simulation as sim
from action_images.simulation import dataset

pytestmark = [
    pytest.mark.simulation,
    pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="needs the extra simulation"),
]

SMALL = {"height": 16, "width": 16, "frames": 3, "shard": 2, "progress": False}


@pytest.fixture(scope="module")
def episode():
    with sim.TabletopScene() as world:
        return world.render_episode(sim.sample_scene("train", 3))


def read_shard(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def assert_same_dataset(first, second):
    """The order of a shard's header entries is free, so files are compared by what they say."""
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir()) and names[0] == "dataset.json"
    assert (first / "dataset.json").read_bytes() == (second / "dataset.json").read_bytes()
    for name in names[1:]:
        (a, a_header), (b, b_header) = read_shard(first / name), read_shard(second / name)
        assert a_header == b_header and a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_a_dataset_holds_what_the_tabletop_renders(tmp_path):
    summary = sim.write_dataset(tmp_path, 3, domain="eval", first_seed=5, **SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.json", *summary["shards"]]
    assert json.loads((tmp_path / "dataset.json").read_text()) == summary
    tensors, header = read_shard(tmp_path / "shard-00000.safetensors")
    assert {name: (array.shape, array.dtype.name) for name, array in tensors.items()} == {
        "video": ((2, 2, 3, 16, 16, 3), "uint8"),
        "actions": ((2, 3, 7), "float32"),
        "intrinsics": ((2, 2, 3, 3), "float32"),
        "world_from_camera": ((2, 2, 4, 4), "float32"),
        "goal": ((2, 3), "float32"),
    }
    scenes = [sim.sample_scene("eval", seed) for seed in (5, 6)]
    assert (header["format"], header["version"], header["domain"]) == ("action-images-clips", "1", "eval")
    assert json.loads(header["seeds"]) == [5, 6]
    assert json.loads(header["texts"]) == [world.instruction for world in scenes]
    assert json.loads(header["targets"]) == [world.blocks[world.target].color for world in scenes]
    with sim.TabletopScene(16, 16) as world:
        np.testing.assert_array_equal(tensors["video"][1], world.render_episode(scenes[1], frames=3).video)
    np.testing.assert_allclose(tensors["actions"][0], scenes[0].actions(3), atol=1e-6)
    np.testing.assert_allclose(tensors["goal"][0], scenes[0].goal, atol=1e-6)


def test_two_processes_write_the_same_dataset_as_one(tmp_path):
    for count in (1, 2):
        sim.write_dataset(tmp_path / str(count), 4, processes=count, **SMALL)
    assert_same_dataset(tmp_path / "1", tmp_path / "2")


def test_an_interrupted_dataset_resumes_with_the_missing_shards_only(tmp_path, monkeypatch):
    sim.write_dataset(tmp_path / "whole", 5, **SMALL)
    write, written = dataset.write_shard, []

    def interrupted(root, settings, index, *rest):
        if index == 1:
            raise KeyboardInterrupt
        write(root, settings, index, *rest)

    monkeypatch.setattr(dataset, "write_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sim.write_dataset(tmp_path / "parts", 5, **SMALL)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["shard-00000.safetensors"]
    (tmp_path / "parts" / ".shard-00001.safetensors.1.tmp").write_bytes(b"half")
    monkeypatch.setattr(dataset, "write_shard", lambda *job: (written.append(job[2]), write(*job)))
    sim.write_dataset(tmp_path / "parts", 5, **SMALL)
    assert written == [1, 2]
    assert_same_dataset(tmp_path / "whole", tmp_path / "parts")


def test_a_dataset_can_be_extended(tmp_path):
    sim.write_dataset(tmp_path / "a", 3, **SMALL)
    sim.write_dataset(tmp_path / "a", 5, **SMALL)
    sim.write_dataset(tmp_path / "b", 5, **SMALL)
    assert_same_dataset(tmp_path / "a", tmp_path / "b")


def test_a_dataset_with_other_settings_is_left_alone(tmp_path):
    sim.write_dataset(tmp_path, 2, **SMALL)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for changed in ({"frames": 4}, {"first_seed": 1}, {"domain": "eval"}, {"shard": 4}):
        with pytest.raises(ValueError, match="expected the settings"):
            sim.write_dataset(tmp_path, 2, **{**SMALL, **changed})
    with pytest.raises(ValueError, match="holds more than the 1 asked for"):
        sim.write_dataset(tmp_path, 1, **SMALL)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_damaged_shard_is_named(tmp_path):
    (tmp_path / "shard-00000.safetensors").write_bytes(b"not a shard")
    with pytest.raises(ValueError, match="shard-00000.safetensors: expected a shard of clips"):
        sim.write_dataset(tmp_path, 2, **SMALL)


def test_a_failing_process_ends_the_others_and_is_reported(tmp_path):
    (tmp_path / "shard-00000.safetensors").mkdir()
    job = dataset.Settings("train", 0, 16, 16, 3, 2, 1)
    with pytest.raises(RuntimeError, match="a rendering process ended with 1"):
        dataset.run_jobs([(tmp_path, job, 0, 1), (tmp_path, job, 1, 1)], 2, lambda count: None)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_dataset_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="episodes: expected at least 1, got 0"):
        sim.write_dataset(tmp_path / "none", 0, **SMALL)
    assert not (tmp_path / "none").exists()


def test_scene_files_hold_the_episode(tmp_path, episode):
    from PIL import Image

    sim.write_scene(tmp_path / "scene", episode)
    names = sorted(path.name for path in (tmp_path / "scene").iterdir())
    assert names == ["actions.csv", "rig.json", "scene.json", "view_0.png", "view_1.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "scene" / "view_1.png")), episode.video[1, 0])
    rig = json.loads((tmp_path / "scene" / "rig.json").read_text())
    assert (rig["format"], rig["version"]) == ("action-images-rig", 1)
    assert [view["name"] for view in rig["views"]] == ["view_0", "view_1"]
    assert (rig["views"][0]["width"], rig["views"][0]["height"]) == (64, 64)
    np.testing.assert_array_equal([view["intrinsics"] for view in rig["views"]], episode.intrinsics)
    np.testing.assert_array_equal([view["world_from_camera"] for view in rig["views"]], episode.world_from_camera)
    truth = json.loads((tmp_path / "scene" / "scene.json").read_text())
    assert truth["instruction"] == episode.instruction and truth["goal"] == episode.goal.tolist()
    assert truth["blocks"] == episode.blocks and truth["domain"] == "train" and truth["seed"] == 3
    with open(tmp_path / "scene" / "actions.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x", "y", "z", "ex", "ey", "ez", "openness"]
    np.testing.assert_array_equal(np.array(rows[1:], dtype=float), episode.actions)
