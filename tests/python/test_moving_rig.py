# SPDX-License-Identifier: Apache-2.0
"""World models with cameras that move: the action images follow them, their latents differ from frame to frame."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="world models need torch")

import tiny_world  # noqa: E402
from tiny_world import FRAMES  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import WorldModel  # noqa: E402

PROMPT = "reach the red block"


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


def moving_rig(frames=FRAMES):
    """Both cameras sink by 6 cm while they look at the origin."""
    heights = np.linspace(0.6, 0.54, frames)
    return aim.Rig([[tiny_world.camera_at((0.6, y, height)) for height in heights] for y in (0.5, -0.5)])


def generate(model, rig, **options):
    return model.generate(tiny_world.pictures(), PROMPT, rig=rig, **options)


def test_action_images_are_drawn_and_read_with_the_cameras_of_their_frames(model):
    actions = tiny_world.actions()
    rollout = generate(model, moving_rig(), task="a2v", actions=actions)
    assert np.array_equal(rollout.action_images, aim.encode(actions, moving_rig(), sigma=3.0))
    assert np.abs(rollout.actions[:, :3] - actions[:, :3]).max() < 2e-3 and rollout.rig.is_moving


def test_the_motion_of_the_cameras_changes_what_is_generated(model):
    moving, still = generate(model, moving_rig()), generate(model, tiny_world.rig())
    assert moving.settings["moving_rig"] and not np.array_equal(moving.video, still.video)
    standing = aim.Rig([[camera] * FRAMES for camera in tiny_world.rig()])
    difference = generate(model, standing).video.astype(int) - still.video
    assert np.abs(difference).max() <= 1  # a rig that moves nowhere stands still


def test_every_task_takes_a_rig_that_moves(model):
    videos = tiny_world.pictures(frames=FRAMES)
    labelled = model.generate(None, rig=moving_rig(), task="v2a", videos=videos)
    assert labelled.actions.shape == (FRAMES, 7)
    for task in ("i2v", "i2a", "i2va"):
        assert generate(model, moving_rig(), task=task).rig.is_moving


def test_a_rig_that_moves_says_how_many_frames_there_are(model):
    assert generate(model, moving_rig(9)).video.shape[1] == 9
    with pytest.raises(ValueError, match="rig: expected cameras that stand still, or those of 9 frames, got cameras of 5"):
        generate(model, moving_rig(5), frames=9)
    with pytest.raises(aim.ShapeError, match=r"frames: expected 4k \+ 1"):
        generate(model, moving_rig(7))


def test_the_form_of_the_cameras_changes_nothing(model):
    for rig in (tiny_world.rig(), moving_rig()):
        difference = generate(model, rig.mirrored()).video.astype(int) - generate(model, rig).video
        assert np.abs(difference).max() <= 1


def test_a_rollout_of_a_rig_that_moves_can_be_saved_and_shown(model, tmp_path):
    pytest.importorskip("plotly")
    rollout = generate(model, moving_rig(), task="a2v", actions=tiny_world.actions())
    assert "report.html" in rollout.save(tmp_path) and rollout._repr_html_()
