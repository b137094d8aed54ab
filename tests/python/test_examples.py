# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/ run. The C++ ones are looked for in ACTION_IMAGES_BUILD, else in build/release."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BUILD = pathlib.Path(os.environ.get("ACTION_IMAGES_BUILD", ROOT / "build/release")) / "examples"


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def test_the_codec_example_reads_back_what_it_drew():
    shown = run(sys.executable, EXAMPLES / "codec.py")
    assert shown.returncode == 0, shown.stderr
    assert float(shown.stdout.rsplit(":", 1)[1]) < 1.0


def test_the_control_loop_moves_when_it_is_sure_and_holds_when_it_is_not():
    shown = run(sys.executable, EXAMPLES / "control_loop.py", 8)
    assert shown.returncode == 0, shown.stderr
    assert ["hold" in line for line in shown.stdout.splitlines()] == [False] * 6 + [True, False]


def test_the_custom_data_set_is_written_and_read_in_clips(tmp_path):
    pytest.importorskip("torch")
    shown = run(sys.executable, EXAMPLES / "custom_dataset.py", tmp_path / "set")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("'follow the square': video (2, 9, 64, 64, 3), actions (9, 7)") == 3
    assert shown.stdout.splitlines()[-1] == "4 episodes, 96 frames, 0 bad"


def test_the_generate_example_saves_a_rollout(tiny_model, tiny_scene, tmp_path):
    pytest.importorskip("plotly")
    shown = run(sys.executable, EXAMPLES / "generate.py", tiny_scene, tmp_path / "out", tiny_model)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("reach the green block: ends at") and (tmp_path / "out/report.html").exists()


def test_the_camera_control_example_follows_the_cameras_with_the_action_images(tiny_model, tiny_scene, tmp_path):
    pytest.importorskip("plotly")
    shown = run(sys.executable, EXAMPLES / "camera_control.py", tiny_scene, tmp_path / "out", tiny_model)
    assert shown.returncode == 0, shown.stderr
    still, moving, change = shown.stdout.splitlines()
    assert all(float(line.split(",")[1].split()[0]) < 2 for line in (still, moving))
    assert float(change.split()[-1]) > 0
    record = json.loads((tmp_path / "out/moving/rollout.json").read_text())
    assert record["settings"]["moving_rig"] and len(record["moving_cameras"][0]) == 5
    assert {"contact_sheet.png", "view_0_panel.mp4"} <= {path.name for path in (tmp_path / "out/moving").iterdir()}


def test_the_figures_example_draws_a_saved_rollout(tiny_scene, tmp_path):
    for package in ("torch", "plotly", "matplotlib"):
        pytest.importorskip(package)
    import action_images as aim
    from action_images.presentation import save_rollout

    rig, actions = aim.load_rig(tiny_scene / "rig.json"), aim.load_trajectory(tiny_scene / "actions.csv")
    images = aim.encode(actions, rig)
    decoded = aim.decode(images, rig)
    rollout = dict(video=images, action_images=images, actions=decoded.actions, confidence=decoded.confidence, rig=rig)
    save_rollout(tmp_path / "rollout", rollout)
    shown = run(sys.executable, EXAMPLES / "figures.py", tmp_path / "rollout", tmp_path / "figures", tiny_scene / "actions.csv")
    assert shown.returncode == 0, shown.stderr
    names = {"action_strip.pdf", "trajectory.pdf", "trajectory_3d.pdf", "confidence.pdf"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names


@pytest.fixture
def program():
    program = BUILD / "example_generate"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    return program


def test_the_cpp_generate_example_makes_the_rollout_of_the_python_one(program, tiny_model, tiny_scene, tmp_path):
    pytest.importorskip("plotly")
    shown = run(program, tiny_model, tiny_scene, "reach the green block", tmp_path / "cpp")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("ends at ")
    assert {"view_0_video.mp4", "view_1_panel.mp4"} <= {path.name for path in (tmp_path / "cpp").iterdir()}
    run(sys.executable, EXAMPLES / "generate.py", tiny_scene, tmp_path / "python", tiny_model)
    cpp, python = (json.loads((tmp_path / name / "rollout.json").read_text()) for name in ("cpp", "python"))
    assert cpp["settings"] == python["settings"] and np.allclose(cpp["confidence"], python["confidence"], atol=1e-3)


def test_the_cpp_camera_control_example_saves_a_rollout(tiny_model, tiny_scene, tmp_path):
    if not (BUILD / "example_camera_control").exists():
        pytest.skip("example_camera_control is not built")
    shown = run(BUILD / "example_camera_control", tiny_model, tiny_scene, "reach the green block", tmp_path / "out")
    assert shown.returncode == 0, shown.stderr
    assert json.loads((tmp_path / "out/rollout.json").read_text())["settings"]["moving_rig"]


def test_the_cpp_generate_example_says_what_is_wrong(program, tiny_model, tiny_scene, tmp_path):
    shown = run(program, tmp_path / "nowhere", tiny_scene, "reach", tmp_path / "out")
    assert shown.returncode == 2 and "model: expected a folder" in shown.stderr and not (tmp_path / "out").exists()
    assert "usage" in run(program).stderr
