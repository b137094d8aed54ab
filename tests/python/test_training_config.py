# SPDX-License-Identifier: Apache-2.0
"""Training configurations: formats of files, the released implementation's names, and what is refused."""

import json

import pytest

pytest.importorskip("torch", reason="training needs torch")

from action_images import FormatError  # noqa: E402
from action_images.model import check_train_config  # noqa: E402
from action_images.training import assign, read_config  # noqa: E402

TABLE = {"max_steps": 3, "learning_rate": 1e-4, "num_frames": 9, "model": {"height": 32}}


@pytest.mark.parametrize("name", ["embedded", "release", "paper"])
def test_every_packaged_configuration_is_accepted(name):
    config = read_config(name)
    if name != "embedded":
        config["init_ckpt_path"] = "somewhere"  # the sizes of the networks come from there
    check_train_config(config)


def test_toml_yaml_and_json_hold_the_same(tmp_path):
    yaml = pytest.importorskip("yaml")
    (tmp_path / "a.json").write_text(json.dumps(TABLE))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(TABLE))
    (tmp_path / "a.toml").write_text(
        "max_steps = 3\nlearning_rate = 1e-4\nnum_frames = 9\n[model]\nheight = 32\n"
    )
    configs = [read_config(tmp_path / name) for name in ("a.json", "a.yaml", "a.toml")]
    assert configs[0] == configs[1] == configs[2]
    assert configs[0]["model"] == {"height": 32, "frames": 9} and configs[0]["optimizer"] == {"learning_rate": 1e-4}


def test_names_of_the_release_stand_for_places(tmp_path):
    config = {"full_param": False, "tiled": True, "tile_size_width": 20, "checkpoint_save_top_k": 5}
    (tmp_path / "a.json").write_text(json.dumps(config))
    read = read_config(tmp_path / "a.json")
    assert read["train"] == "partial" and read["checkpoint_keep_last"] == 5
    assert read["vae_tiling"] == {"size": [34, 20], "stride": [18, 16]}
    assign(read, "full_param=true")
    assign(read, "learning_rate=0.5")
    assert read["train"] == "full" and read["optimizer"]["learning_rate"] == 0.5


def test_a_tile_that_is_set_alone_leaves_the_others_as_they_are_by_default():
    config = {}
    assign(config, "tile_size_width=20")
    assert config == {"vae_tiling": {"size": [34, 20], "stride": [18, 16]}}


def test_a_place_that_is_given_twice_is_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"learning_rate": 1.0, "optimizer": {"learning_rate": 2.0}}))
    with pytest.raises(FormatError, match="learning_rate: expected it or optimizer.learning_rate, got both"):
        read_config(tmp_path / "a.json")


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.toml", "max_steps = ", "expected a readable TOML file"),
        ("a.json", "{", "expected a readable JSON file"),
        ("a.json", "[1]", "expected a table of keys, got list"),
        ("a.json", b"\xff\xfe", "expected a readable TOML, YAML or JSON file"),
    ],
)
def test_files_that_hold_no_configuration_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FormatError, match=message):
        read_config(tmp_path / name)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"parallel": "many"}, "parallel: expected one of ddp, zero1, zero2"),
        ({"train": "some"}, "train: expected one of full, partial, lora"),
        ({"tasks": "mine"}, "tasks: expected"),
        ({"tasks": {"i2va": -1}}, "i2va: expected a frequency >= 0"),
        ({"lr_schedule": "steps"}, "lr_schedule: expected one of constant, linear, cosine"),
        ({"optimizer": {"kind": "lion"}}, "kind: expected one of adamw, sgd"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate: expected a positive number"),
        ({"objective": {"levels": "some"}}, "levels: expected one of continuous, schedule"),
        ({"batch_size": 0}, "batch_size: expected a positive number"),
        ({"batch_size": 2.5}, "batch_size: expected a whole number, got 2.5"),
        ({"batch_size": True}, "batch_size: expected a whole number, got true"),
        ({"batch_size": 2**70}, "batch_size: expected a whole number, got 1.18"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, got -1"),
        ({"bfloat16": 1}, "bfloat16: expected true or false, got 1"),
        ({"text_dropout": "0.1"}, 'text_dropout: expected a number, got "0.1"'),
        ({"synonyms": {"block": "cube"}}, "synonyms: expected"),
        ({"max_steps": 0}, "max_steps: expected a positive number, or phases"),
        ({"lora": {"ranks": 3}}, "expected documented keys only"),
        ({"vae_tiling": {"size": "big"}}, "vae_tiling.size: expected a list of 2, each a whole number, got"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        check_train_config({"max_steps": 3, "init_ckpt_path": "x", **change})


def test_whole_numbers_may_be_written_with_an_exponent():
    check_train_config({"init_ckpt_path": "x", "max_steps": 1e4, "seed": 3.0})
