# SPDX-License-Identifier: Apache-2.0
"""`action-images generate` with a tiny random model."""

import json
import os
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="world models need torch")
pytest.importorskip("plotly", reason="the report needs plotly")

import tiny_world  # noqa: E402

import action_images as aim  # noqa: E402
from action_images import model as aim_model  # noqa: E402

VIDEOS = [f"view_{view}_{kind}.mp4" for view in range(2) for kind in ("action", "panel", "video")]
FILES = sorted(["contact_sheet.png", "report.html", "rollout.json", "scene.glb", "trajectory.csv", *VIDEOS])  # no position is read


@pytest.fixture
def given(tiny_model, tiny_scene):
    """The options that most calls have."""
    pictures = [tiny_scene / "view_0.png", tiny_scene / "view_1.png"]
    return ["--images", *pictures, "--rig", tiny_scene / "rig.json", "--model", tiny_model]


def test_a_plan_is_saved_and_where_it_ends_is_printed(command_line, given, tmp_path):
    out = tmp_path / "deep" / "out"
    result = command_line("generate", *given, "--prompt", "reach the red block", "--out", out)
    assert result.code == 0 and "gripper" in result.out and "step 2/2" in result.err
    assert sorted(path.name for path in out.iterdir()) == FILES
    settings = json.loads((out / "rollout.json").read_text())["settings"]
    assert settings["task"] == "i2va" and settings["prompt"] == "reach the red block" and settings["seed"] == 0


def test_a_recording_for_rerun_is_written_beside_the_rest(command_line, refused, given, tmp_path, monkeypatch):
    pytest.importorskip("rerun")
    recording = tmp_path / "deep" / "out.rrd"
    options = ("--prompt", "reach the red block", "--out", tmp_path / "out", "--rerun", recording)
    assert command_line("generate", *given, *options).code == 0
    assert recording.read_bytes()[:4] == b"RRF2"
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert "pip install 'action-images[view]'" in refused("generate", *given, *options[:-1], tmp_path / "again.rrd")


def test_given_actions_are_simulated_and_measured_against_the_scene(command_line, given, tiny_scene, tmp_path):
    scene = ["--scene", tiny_scene / "scene.json", "--actions", tiny_scene / "actions.csv"]
    result = command_line("generate", *given, "--task", "a2v", "--out", tmp_path, *scene, "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    result = command_line("generate", *given, "--task", "a2v", "--out", tmp_path, *scene)
    assert "gripper ends at (0.080, 0.020, 0.100) m, 57 mm from the green block\n" in result.out
    assert "goal" in (tmp_path / "report.html").read_text().lower()


def test_the_prompt_names_the_block_that_is_measured(command_line, given, tiny_scene, tmp_path):
    options = [
        "--scene",
        tiny_scene / "scene.json",
        "--actions",
        tiny_scene / "actions.csv",
        "--prompt",
        "Reach the RED block.",
    ]
    result = command_line("generate", *given, "--task", "a2v", "--out", tmp_path, *options)
    assert "mm from the red block\n" in result.out


def test_videos_are_labelled(command_line, tiny_model, tiny_scene, tmp_path):
    videos = []
    for view, video in enumerate(tiny_world.pictures(frames=5)):
        videos.append(tmp_path / f"{view}.mp4")
        aim_model.write_video(videos[-1], video)
    options = ["--videos", *videos, "--rig", tiny_scene / "rig.json", "--model", tiny_model, "--out", tmp_path / "out"]
    assert command_line("generate", "--task", "v2a", *options).code == 0
    assert json.loads((tmp_path / "out/rollout.json").read_text())["settings"]["frames"] == 5


def test_plain_video_has_no_actions(command_line, given, tmp_path):
    result = command_line("generate", *given, "--task", "i2v", "--prompt", "reach", "--out", tmp_path / "out")
    assert result.code == 0 and "gripper" not in result.out
    assert not (tmp_path / "out" / "trajectory.csv").exists()


def test_every_sampling_option_reaches_the_model(command_line, given, tmp_path):
    options = ["--steps", 3, "--guidance", 2.5, "--seed", 2**64 - 1, "--frames", 9, "--threads", 1]
    action = ["--first-action", "-1e-3", "0", "-.1", "3.0", "-1E-2", "0", "1"]
    result = command_line("generate", *given, "--prompt", "reach", "--out", tmp_path / "out", *options, *action)
    assert result.code == 0, result.err
    settings = json.loads((tmp_path / "out/rollout.json").read_text())["settings"]
    wanted = {"steps": 3, "guidance": 2.5, "seed": 2**64 - 1, "frames": 9, "first_action_known": True}
    assert {name: settings[name] for name in wanted} == wanted


def test_solver_guidance_cache_and_tiles_reach_the_model(command_line, given, tmp_path):
    options = ["--solver", "dpm++2m", "--guidance", 2, "--guidance-interval", 0.1, 0.9, "--guidance-rescale", 0.5]
    options += ["--step-cache", "easy", "--step-cache-threshold", 0.2, "--shift", 4, "--negative-prompt", "blue"]
    options += ["--tiled", "--tile-size", 4, 4, "--tile-stride", 2, 2]
    result = command_line("generate", *given, "--prompt", "reach", "--out", tmp_path / "out", *options)
    assert result.code == 0, result.err
    settings = json.loads((tmp_path / "out/rollout.json").read_text())["settings"]
    wanted = {"solver": "dpm++2m", "guidance_interval": [0.1, 0.9], "guidance_rescale": 0.5, "step_cache": "easy",
              "step_cache_threshold": 0.2, "shift": 4, "negative_prompt": "blue",
              "tiles": {"size": [4, 4], "stride": [2, 2]}}  # fmt: skip
    assert {name: settings[name] for name in wanted} == wanted


def test_eulers_grid_can_end_above_zero(command_line, given, tmp_path):
    options = ["--sigma-min", 0.1, "--no-extra-one-step", "--prompt", "reach", "--out", tmp_path / "out"]
    assert command_line("generate", *given, *options).code == 0
    settings = json.loads((tmp_path / "out/rollout.json").read_text())["settings"]
    assert settings["sigma_min"] == 0.1 and settings["extra_one_step"] is False


def test_action_images_alone_can_be_planned_in_some_views(command_line, given, tmp_path):
    options = ["--task", "i2a", "--action-views", 1, "--prompt", "reach"]
    result = command_line("generate", *given, "--out", tmp_path / "out", *options)
    assert result.code == 0 and "cannot be read" in result.out
    assert "view_0_action.mp4" in os.listdir(tmp_path / "out") and "view_0_video.mp4" not in os.listdir(tmp_path / "out")


def test_what_views_see_is_simulated(command_line, refused, given, tiny_scene, tmp_path):
    actions, rig = aim.load_trajectory(tiny_scene / "actions.csv"), aim.load_rig(tiny_scene / "rig.json")
    pixels = aim.pixel_actions(actions, rig)
    np.save(tmp_path / "pixels.npy", pixels)
    seen = ["--view-actions", tmp_path / "pixels.npy"]
    result = command_line("generate", *given, "--task", "a2v", *seen, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert np.abs(aim.load_trajectory(tmp_path / "out/trajectory.csv")[:, :3] - actions[:, :3]).max() < 2e-3
    rows = [option for view in pixels for option in ("--view-action", *view[0])]
    result = command_line("generate", *given, "--prompt", "reach", *rows, "--out", tmp_path / "first")
    assert result.code == 0, result.err
    assert "expected one of them" in refused("generate", *given, "--task", "a2v", *seen, *rows, "--out", tmp_path / "no")
    (tmp_path / "pixels.npy").write_bytes(b"no array")
    assert ".npy file" in refused("generate", *given, "--task", "a2v", *seen, "--out", tmp_path / "no")


def test_python_and_the_command_line_make_the_same_rollout(command_line, given, tiny_model, tiny_scene, tmp_path):
    actions = tiny_scene / "actions.csv"
    command_line("generate", *given, "--task", "a2v", "--actions", actions, "--seed", 5, "--out", tmp_path)
    world = aim_model.WorldModel.load(tiny_model)
    pictures = [tiny_scene / f"view_{view}.png" for view in range(2)]
    rig = aim.load_rig(tiny_scene / "rig.json")
    rollout = world.generate(pictures, rig=rig, task="a2v", actions=aim.load_trajectory(actions), seed=5)
    assert np.array_equal(aim.load_trajectory(tmp_path / "trajectory.csv"), rollout.actions)


def test_ctrl_c_stops_a_generation_and_leaves_nothing(interrupted, given, tmp_path):
    result = interrupted(
        "generate", *given, "--prompt", "reach", "--steps", 10000, "--frames", 81, "--out", tmp_path / "out"
    )
    assert result.code == 130 and result.out == "" and result.err.endswith("action-images: stopped by Ctrl-C\n")
    assert "Traceback" not in result.err and os.listdir(tmp_path) == []
