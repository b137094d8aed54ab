# SPDX-License-Identifier: Apache-2.0
"""The evaluation on the simulated tabletop, run on policies whose result is known."""

import dataclasses
import importlib.util
import json

import numpy as np
import pytest

from action_images import simulation as sim
from action_images.simulation import evaluation

pytestmark = [
    pytest.mark.simulation,
    pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="needs the extra simulation"),
]

QUICK = {"height": 16, "width": 16, "frames": 3, "progress": False}


def expert(images, instruction, intrinsics, world_from_camera, seed):
    assert [image.shape for image in images] == [(16, 16, 3)] * 2 and images[0].dtype == np.uint8
    world = sim.sample_scene("eval", seed)
    assert instruction == world.instruction and intrinsics.shape == (2, 3, 3) and world_from_camera.shape == (2, 4, 4)
    return {"actions": world.actions(3)}


def stay(images, instruction, intrinsics, world_from_camera, seed):
    return {"actions": sim.sample_scene("eval", seed).actions(3)[:1].repeat(3, axis=0)}


def nothing(*_):
    return {"actions": np.full((3, 7), np.nan)}


def wrong_block(images, instruction, intrinsics, world_from_camera, seed):
    world = sim.sample_scene("eval", seed)
    return {"actions": dataclasses.replace(world, target=(world.target + 1) % 3).actions(3)}


def test_a_perfect_policy_succeeds_everywhere():
    result = sim.evaluate(expert, 12, **QUICK)
    assert [result[f"success_at_{radius}mm"]["rate"] for radius in (20, 25, 30)] == [1, 1, 1]
    assert result["right_block"]["rate"] == 1.0
    assert result["final_error_mm"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert result["direction_error_deg"]["high"] == pytest.approx(0.0, abs=1e-5)
    assert result["orientation_error_deg"]["mean"] == pytest.approx(0.0, abs=1e-5)
    assert result["openness_error"]["mean"] == 0.0 and result["invalid"] == 0
    assert (result["episodes"], result["seed"], result["domain"]) == (12, 7, "eval")
    assert json.loads(json.dumps(result)) == result


def test_a_policy_that_stays_fails_as_the_chance_level_says():
    result = sim.evaluate(stay, 12, **QUICK)
    assert result["success_at_30mm"]["rate"] == 0.0 == result["chance"]["stay"]["success_at_30mm"]
    assert result["direction_error_deg"]["mean"] == pytest.approx(90.0)
    assert result["final_error_mm"]["median"] > 50.0


def test_predictions_that_are_not_numbers_count_as_failures():
    result = sim.evaluate(nothing, 4, **QUICK)
    assert result["success_at_30mm"]["rate"] == 0.0 and result["right_block"]["rate"] == 0.0
    assert result["invalid"] == 4
    assert result["direction_error_deg"] == {"median": None, "mean": None, "low": None, "high": None}
    json.dumps(result, allow_nan=False)


def test_going_to_another_block_is_not_the_right_block():
    result = sim.evaluate(wrong_block, 8, **QUICK)
    assert result["right_block"]["rate"] == 0.0 and result["success_at_30mm"]["rate"] == 0.0
    assert result["final_error_mm"]["median"] >= 90.0


def test_a_random_block_is_right_one_time_in_three():
    chance = sim.evaluate(nothing, 6, **QUICK)["chance"]
    assert chance["random_block"] == {f"success_at_{radius}mm": pytest.approx(1 / 3) for radius in (20, 25, 30)}
    assert 0.0 <= chance["workspace_centre"]["success_at_25mm"] <= 0.5


def test_a_predicted_video_is_compared_with_the_expert_video():
    with sim.TabletopScene(16, 16) as world:

        def with_video(images, instruction, intrinsics, world_from_camera, seed):
            truth = world.render_episode(sim.sample_scene("eval", seed), frames=3)
            return {"actions": truth.actions, "video": truth.video}

        assert sim.evaluate(with_video, 2, **QUICK)["video_psnr_db"] == {"median": 100.0, "mean": 100.0}
    assert sim.evaluate(expert, 2, **QUICK)["video_psnr_db"] is None


def test_predictions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"predicted actions: expected \(T, 7\), got \(3, 6\)"):
        sim.evaluate(lambda *_: {"actions": np.zeros((3, 6))}, 1, **QUICK)


def test_wilson_intervals_have_their_known_values():
    half = evaluation.proportion(np.array([True] * 50 + [False] * 50))
    assert half == {"rate": 0.5, "low": pytest.approx(0.4038, abs=1e-4), "high": pytest.approx(0.5962, abs=1e-4)}
    all_right = evaluation.proportion(np.ones(10, bool))
    assert all_right == {"rate": 1.0, "low": pytest.approx(0.7225, abs=1e-4), "high": 1.0}
    assert evaluation.proportion(np.zeros(10, bool))["low"] == 0.0
