# SPDX-License-Identifier: Apache-2.0
"""`action-images scene` and `eval`, and the evaluation of videos: these render with MuJoCo."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

import action_images as aim
from action_images import simulation as sim

pytestmark = [
    pytest.mark.simulation,
    pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="needs the extra simulation"),
]

QUICK = {"height": 16, "width": 16, "frames": 3, "progress": False}


def test_a_scene_is_pictures_rig_instruction_and_actions(command_line, tmp_path):
    out = tmp_path / "scene"
    size = ["--height", 48, "--width", 64]
    result = command_line("scene", "--seed", 7, "--out", out, *size)
    assert (result.code, result.err) == (0, "") and "2 views of 48 x 64 px" in result.out
    assert sorted(path.name for path in out.iterdir()) == [
        "actions.csv", "rig.json", "scene.json", "view_0.png", "view_1.png"
    ]  # fmt: skip
    scene, rig = json.loads((out / "scene.json").read_text()), aim.load_rig(out / "rig.json")
    assert scene["domain"] == "eval" and scene["instruction"] in result.out
    assert (rig.height, rig.width) == np.asarray(Image.open(out / "view_0.png")).shape[:2] == (48, 64)
    actions = aim.load_trajectory(out / "actions.csv")
    assert actions.shape == (9, 7) and np.allclose(actions[-1, :3], scene["goal"])


def test_equal_seeds_give_equal_scenes_and_domains_differ(command_line, tmp_path):
    for name, options in {"a": [], "b": [], "c": ["--domain", "train"], "d": ["--seed", 2]}.items():
        assert command_line("scene", "--seed", 1, "--out", tmp_path / name, "--quiet", *options).code == 0
    pictures = {name: (tmp_path / name / "view_0.png").read_bytes() for name in "abcd"}
    assert pictures["a"] == pictures["b"] and len(set(pictures.values())) == 3


def test_eval_prints_a_table_and_writes_all_figures(command_line, tiny_model, tmp_path):
    out = tmp_path / "figures" / "out.json"
    counts = ["--episodes", 3, "--a2v-episodes", 2, "--v2a-episodes", 1, "--seed", 7]
    result = command_line("eval", "--model", tiny_model, "--scene", "tabletop", *counts, "--json", out)
    assert result.code == 0, result.err
    assert "plan 3/3" in result.err and "simulation 2/2" in result.err
    figures = json.loads(out.read_text())
    assert figures["episodes"] == 3 and figures["model"] == "tiny" and figures["a2v_episodes"] == 2
    assert set(figures["a2v_psnr_db"]) == {"mean", "low", "high"} and figures["seconds_per_prediction"]["median"] > 0
    for text in ("tiny on tabletop", "within 25 mm of the named block", "first frame repeated", "dB", "95 % intervals"):
        assert text in result.out


def test_eval_gives_the_same_figures_again(command_line, tiny_model, tmp_path):
    figures = []
    for name in ("a.json", "b.json"):
        options = ["--episodes", 2, "--a2v-episodes", 0, "--v2a-episodes", 0, "--json", tmp_path / name, "--quiet", "--threads", 1]
        result = command_line("eval", "--model", tiny_model, *options)
        assert (result.code, result.out, result.err) == (0, "", "")
        figures.append({**json.loads((tmp_path / name).read_text()), "seconds_per_prediction": None})
    assert figures[0] == figures[1] and "a2v_psnr_db" not in figures[0]


def simulator(images, instruction, intrinsics, world_from_camera, seed, actions):
    """The perfect world model."""
    with sim.TabletopScene(16, 16, 2) as tabletop:
        return tabletop.render_episode(sim.sample_scene("eval", seed), actions).video


def still(images, instruction, intrinsics, world_from_camera, seed, actions):
    return np.stack([np.stack([image] * len(actions)) for image in images])


def test_the_simulator_itself_reaches_the_highest_psnr():
    figures = sim.evaluate_videos(simulator, 2, **QUICK)
    assert figures["a2v_psnr_db"] == {"mean": 100.0, "low": 100.0, "high": 100.0} and figures["a2v_episodes"] == 2
    repeated = figures["a2v_repeat_first_frame_psnr_db"]
    assert 10 < repeated["low"] <= repeated["mean"] <= repeated["high"] < 60


def test_a_still_video_measures_as_the_repeated_first_frame():
    figures = sim.evaluate_videos(still, 2, **QUICK)
    assert figures["a2v_psnr_db"] == figures["a2v_repeat_first_frame_psnr_db"]


def test_wrong_counts_and_shapes_are_refused():
    with pytest.raises(ValueError, match="episodes, seed, frames: expected at least 1, 0 and 2"):
        sim.evaluate_videos(still, 0)
    with pytest.raises(ValueError, match="video: expected"):
        sim.evaluate_videos(lambda *given: still(*given)[:, :2], 1, **QUICK)


def test_labels_are_measured_with_the_instruction_and_without():
    def expert_with_text(video, instruction, intrinsics, world_from_camera, seed):
        with sim.TabletopScene(16, 16, 2) as tabletop:
            truth = tabletop.render_episode(sim.sample_scene("eval", seed), frames=video.shape[1]).actions
        return truth if instruction else np.full_like(truth, np.nan)

    figures = sim.evaluate_labels(expert_with_text, 2, **QUICK)
    assert figures["v2a_within_25mm"]["rate"] == 1.0 and figures["v2a_path_error_mm"] == pytest.approx(0.0, abs=1e-9)
    assert figures["v2a_without_text_within_25mm"]["rate"] == 0.0 and figures["v2a_episodes"] == 2
    with pytest.raises(ValueError, match="expected at least 1 and 0"):
        sim.evaluate_labels(expert_with_text, 0)
