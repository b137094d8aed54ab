# SPDX-License-Identifier: Apache-2.0
"""Bad input to the command line: one line that says what was expected, exit code 2, and nothing half-written."""

import json
import os

import pytest

pytest.importorskip("torch", reason="world models need torch")

from action_images.model import WorldModel  # noqa: E402

PROMPT = "reach the red block"


@pytest.fixture
def given(tiny_model, tiny_scene, tmp_path):
    """Options of `generate` that would work."""
    pictures = [tiny_scene / "view_0.png", tiny_scene / "view_1.png"]
    required = {"--images": pictures, "--rig": [tiny_scene / "rig.json"], "--model": [tiny_model]}
    return {**required, "--prompt": [PROMPT], "--out": [tmp_path / "out"]}


def test_generate_refuses_bad_input_in_one_line_and_writes_nothing(refused, given, tiny_scene, tmp_path):
    one, two = given["--images"]
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(one.read_bytes()[:100])
    rig = json.loads((tiny_scene / "rig.json").read_text())
    (tmp_path / "short.json").write_text(json.dumps({**rig, "views": rig["views"][:1]}))
    rig["views"][1]["intrinsics"] = [[0, 0, 0], [0, 32, 16], [0, 0, 1]]
    (tmp_path / "singular.json").write_text(json.dumps(rig))
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "six.csv").write_text("1,2,3,4,5,6\n")
    (tmp_path / "nan.csv").write_text("x,y,z,ex,ey,ez,openness\n0,0,nan,0,0,0,1\n")
    before = sorted(os.listdir(tmp_path))
    for changes, message in [
        ({"--images": [one]}, "images: expected 2"),
        ({"--images": [one, two, two]}, "images: expected 2"),
        ({"--images": [one, tmp_path / "nowhere.png"]}, "nowhere.png"),
        ({"--images": [one, tmp_path / "text.png"]}, "text.png"),
        ({"--images": [one, tmp_path / "cut.png"]}, "cut.png"),
        ({"--images": [one, tmp_path]}, str(tmp_path)),
        ({"--rig": [tmp_path / "nowhere.json"]}, "nowhere.json"),
        ({"--rig": [tmp_path / "short.json"]}, "one for each camera of the rig"),
        ({"--rig": [tmp_path / "singular.json"]}, "intrinsics"),
        ({"--rig": [tmp_path / "list.json"]}, "list.json"),
        ({"--prompt": [""]}, "prompt: expected an instruction"),
        ({"--prompt": ["block " * 40]}, "prompt: expected at most 12 tokens"),
        ({"--frames": [8]}, "frames: expected 4k + 1"),
        ({"--frames": [0]}, "--frames: expected a whole number of at least 1"),
        ({"--steps": [0]}, "--steps: expected a whole number from 1 to 10000"),
        ({"--seed": [-5]}, "--seed: expected a whole number"),
        ({"--guidance": ["nan"]}, "--guidance: expected a finite number"),
        ({"--guidance": [-2]}, "guidance: expected a number >= 0"),
        ({"--threads": [0]}, "--threads: expected a whole number"),
        ({"--task": ["fly"]}, "--task: invalid choice"),
        ({"--task": ["a2v"]}, "--actions: expected given for task a2v, got none"),
        ({"--task": ["a2v"], "--actions": [tmp_path / "six.csv"]}, "six.csv"),
        ({"--task": ["a2v"], "--actions": [tmp_path / "nan.csv"]}, "nan.csv:2: z"),
        ({"--actions": [tiny_scene / "actions.csv"]}, "--actions: expected none for task i2va"),
        ({"--task": ["v2a"]}, "expected none for task v2a"),
        ({"--videos": [one]}, "--videos: expected none for task i2va"),
        ({"--first-action": [0, 0, 0, 0, 0, 0]}, "--first-action: expected 7 arguments"),
        ({"--first-action": [0, 0, 0, 0, 0, 0, "nan"]}, "--first-action: expected a finite number"),
        ({"--first-action": [0, 0, 0, 0, 0, 0, 3]}, "openness"),
        ({"--model": ["imaginary"]}, 'got "imaginary"'),
        ({"--model": [tmp_path]}, "config.json"),
        ({"--scene": [tiny_scene / "rig.json"]}, "expected format action-images-scene"),
        ({"--scene": [tmp_path / "nowhere.json"]}, "nowhere.json"),
    ]:
        options = {**given, **changes}
        error = refused("generate", "--quiet", *(part for name, values in options.items() for part in (name, *values)))
        assert message in error, (changes, error)
        assert sorted(os.listdir(tmp_path)) == before, changes


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/out", "/dev/null/out"])
def test_an_output_folder_that_cannot_be_written_is_found_before_the_work(refused, given, tmp_path, place, monkeypatch):
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(WorldModel, "load", lambda *_: pytest.fail("the model was loaded"))
    options = {**given, "--out": [tmp_path / place]}
    error = refused("generate", *(part for name, values in options.items() for part in (name, *values)))
    assert "expected a folder that can be written, got" in error and place in error
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_other_commands_look_at_their_output_first_too(refused, tiny_scene, tmp_path):
    (tmp_path / "file").write_text("old")
    rig, actions = ["--rig", tiny_scene / "rig.json"], ["--actions", tiny_scene / "actions.csv"]
    for command in (
        ["encode", *rig, *actions, "--out", tmp_path / "file"],
        ["encode", *rig, *actions, "--out", tmp_path / "file/a.npy"],
        ["decode", *rig, "--images", "a.npy", "--out", tmp_path / "file/t.csv"],
        ["decode", *rig, "--images", "a.npy", "--out", tmp_path],
        ["scene", "--out", tmp_path / "file"],
        ["train", "--out", tmp_path / "file"],
        ["eval", "--json", tmp_path / "file/out.json"],
        ["eval", "--json", tmp_path],
    ):
        assert "expected a" in refused(*command) and os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"
