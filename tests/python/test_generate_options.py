# SPDX-License-Identifier: Apache-2.0
"""How a generation can be asked for: solvers, guidance, step caches, tiles, what views see, plans without video."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_world  # noqa: E402
from tiny_world import FRAMES, SIZE, VIEWS  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import WAN_NEGATIVE_PROMPT, WorldModel  # noqa: E402

PROMPT = "reach the red block"
ACTION = tiny_world.actions()[2]

OPTIONS = {
    "unipc": {"solver": "unipc"},
    "dpm++2m": {"solver": "dpm++2m"},
    "rescale": {"guidance": 3.0, "guidance_rescale": 0.5},
    "interval": {"guidance": 3.0, "guidance_interval": (0.2, 0.7)},
    "negative": {"guidance": 3.0, "negative_prompt": "blue"},
    "cosine": {"step_cache": "cosine", "step_cache_threshold": -0.9},
    "easy": {"step_cache": "easy", "step_cache_threshold": 10},
    "tea": {"step_cache": "tea", "step_cache_threshold": 10},
    "sigma_min": {"sigma_min": 0.1, "extra_one_step": False},
    "first action": {"first_action": ACTION},
    "i2a": {"task": "i2a"},
}


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


def plan(model, steps=6, **options):
    return model.generate(tiny_world.pictures(), PROMPT, rig=tiny_world.rig(), steps=steps, **options)


def as_seen(rig, action=ACTION, frames=1):
    """Pixels (V, frames, 7) of an action."""
    return aim.pixel_actions(np.repeat(action[None], frames, axis=0), rig)


@pytest.mark.parametrize("name", OPTIONS)
def test_options_change_the_result_and_equal_seeds_give_equal_bits(model, name):
    first, again, exact = plan(model, **OPTIONS[name]), plan(model, **OPTIONS[name]), plan(model)
    assert np.array_equal(first.action_images, again.action_images) and np.array_equal(first.video, again.video)
    assert not np.array_equal(first.action_images, exact.action_images)


def test_settings_say_what_was_done(model):
    rollout = plan(model, guidance=2.0, guidance_interval=(0.1, 0.9), solver="unipc", tiled=True, tile_size=(4, 4),
                   tile_stride=(2, 2), step_cache="easy")  # fmt: skip
    wanted = {"solver": "unipc", "guidance_interval": [0.1, 0.9], "step_cache": "easy", "step_cache_threshold": 0.05,
              "tiles": {"size": [4, 4], "stride": [2, 2]}}  # fmt: skip
    assert {name: rollout.settings[name] for name in wanted} == wanted
    assert rollout.settings["steps_evaluated"] + rollout.settings["steps_reused"] == 6


def test_wans_negative_prompt_is_known_by_its_name(tiny_model, tmp_path):
    assert WAN_NEGATIVE_PROMPT.startswith("色调艳丽，过曝，静态") and WAN_NEGATIVE_PROMPT.endswith("倒着走")
    assert len(WAN_NEGATIVE_PROMPT) == 137 and WAN_NEGATIVE_PROMPT.count("，") == 27
    config = json.loads((tiny_model / "config.json").read_text())
    config["tokenizer"]["length"] = 512
    for name in ("model.safetensors", "tokenizer.model"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    rollout = plan(WorldModel.load(tmp_path), guidance=2.0, negative_prompt="wan")
    assert rollout.settings["negative_prompt"] == WAN_NEGATIVE_PROMPT


def test_a_plan_without_video_keeps_the_pictures(model):
    rollout = plan(model, task="i2a")
    assert rollout.video.shape == (VIEWS, 1, SIZE, SIZE, 3)
    assert np.array_equal(rollout.video[:, 0], tiny_world.pictures())
    assert rollout.action_images.shape == (VIEWS, FRAMES, SIZE, SIZE, 3) and rollout.actions.shape == (FRAMES, 7)


def test_a_plan_without_video_is_saved_without_video(model, tmp_path):
    pytest.importorskip("plotly")
    names = plan(model, task="i2a", action_views=[1]).save(tmp_path)
    assert "view_0_action.mp4" in names and "view_0_panel.mp4" in names
    assert "view_0_video.mp4" not in names and "view_1_action.mp4" not in names


def test_one_view_has_no_depth(model):
    rollout = plan(model, task="i2a", action_views=[0])
    assert len(rollout.rig) == 1 and np.isnan(rollout.actions).all() and (rollout.confidence == 0).all()


def test_what_views_see_conditions_as_the_action_itself(model):
    known = plan(model, first_action=ACTION)
    for seen in (as_seen(tiny_world.rig()), as_seen(tiny_world.rig())[:, 0].tolist()):
        assert np.array_equal(plan(model, view_actions=seen).action_images, known.action_images)


def test_pixels_go_through_crop_and_resize_unless_they_are_the_models(model):
    rig = aim.Rig([tiny_world.camera_at((0.6, 0.5, 0.6), 80), tiny_world.camera_at((0.6, -0.5, 0.6), 80)])
    pictures = [np.full((80, 80, 3), 99, np.uint8)] * 2

    def action_images(**options):
        return model.generate(pictures, PROMPT, rig=rig, **options).action_images

    known = action_images(first_action=ACTION)
    assert np.array_equal(action_images(view_actions=as_seen(rig)), known)
    of_model = as_seen(rig.center_crop_resize(SIZE, SIZE))
    assert np.array_equal(action_images(view_actions=of_model, view_actions_of="model"), known)


def test_view_actions_are_simulated_and_read_back(model):
    given = as_seen(tiny_world.rig(), frames=FRAMES)
    rollout = plan(model, task="a2v", view_actions=given)
    assert np.abs(rollout.actions[:, :3] - ACTION[:3]).max() < 2e-3
    unseen = given.copy()
    unseen[0, 1, :6] = np.nan
    assert plan(model, task="a2v", view_actions=unseen).confidence[1] == 0


def test_stages_are_told_and_any_of_them_can_be_stopped(model):
    told = {}
    plan(model, first_action=ACTION, stage_progress=lambda stage, done, total: told.update({stage: (done, total)}))
    assert list(told) == ["pictures", "actions", "cameras", "sample", "video", "action_images"]
    assert all(done == total for done, total in told.values()) and told["sample"] == (6, 6)

    class Enough(Exception):
        pass

    for stopped in told:

        def raise_in(stage, done, total, stopped=stopped):
            if stage == stopped:
                raise Enough

        with pytest.raises(Enough):
            plan(model, first_action=ACTION, stage_progress=raise_in)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"solver": "heun"}, "solver: expected euler, unipc, unipc-bh1 or dpm"),
        ({"step_cache": "none", "step_cache_threshold": 0.1}, "step_cache_threshold: expected none"),
        ({"step_cache": "maybe"}, "step_cache: expected none, cosine, easy or tea"),
        ({"guidance_rescale": "much"}, "guidance_rescale: expected a number"),
        ({"guidance_rescale": float("nan")}, "guidance_rescale: expected a number in"),
        ({"guidance_interval": (0.1,)}, "guidance_interval: expected two numbers"),
        ({"guidance_interval": (0.9, 0.1)}, "guidance_interval: expected 0 <= low"),
        ({"tiled": True, "tile_size": (2.5, 2)}, "tile_size: expected two whole numbers"),
        ({"tiled": True, "tile_size": (2, 2), "tile_stride": (3, 1)}, "stride: expected 1 to the size 2"),
        ({"sigma_min": -0.1}, "sigma_min: expected a number in"),
        ({"extra_one_step": False}, "extra_one_step: expected true"),
        ({"action_views": [0]}, "action_views: expected none for task i2va"),
        ({"task": "i2a", "action_views": [-1]}, "action_views: expected a whole number"),
        ({"task": "i2a", "action_views": "01"}, "action_views: expected a list of views"),
        ({"task": "i2a", "action_views": [1, 0]}, "action_views[1]: expected a rising view"),
        ({"view_actions": [[1, 2, 3]]}, "view_actions: expected (V, 7) or (V, T, 7), got (1, 3)"),
        ({"view_actions": [[0] * 7]}, "view_actions: expected (2, 7)"),
        ({"view_actions": [[0] * 6 + [2]] * 2}, "openness: expected a number in [0, 1]"),
        ({"view_actions": [[np.inf] * 6 + [1]] * 2}, "expected finite pixels"),
        ({"view_actions": [[0] * 7] * 2, "view_actions_of": "screen"}, 'view_actions_of: expected "given" or "model"'),
        ({"view_actions": [[0] * 7] * 2, "first_action": ACTION}, "view_actions: expected none beside"),
        ({"task": "i2v", "view_actions": [[0] * 7] * 2}, "view_actions: expected none for task i2v"),
    ],
)
def test_what_cannot_be_is_refused_by_name(model, options, message):
    with pytest.raises(ValueError) as error:
        plan(model, **options)
    assert message in str(error.value) and str(error.value).startswith("[")
