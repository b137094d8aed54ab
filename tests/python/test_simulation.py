# SPDX-License-Identifier: Apache-2.0
"""The simulated tabletop: scenes, cameras, expert motion and pictures."""

import dataclasses
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from action_images import simulation as sim
from action_images.simulation import motion, scene

pytestmark = [
    pytest.mark.simulation,
    pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="needs the extra simulation"),
]

seeds = st.integers(0, 2**40)
domains = st.sampled_from(["train", "eval"])


@pytest.fixture(scope="module")
def tabletop():
    with sim.TabletopScene() as world:
        yield world


@pytest.fixture(scope="module")
def episode(tabletop):
    return tabletop.render_episode(sim.sample_scene("train", 3))


# --- rotations and motion ------------------------------------------------------------------------------------------


def test_euler_angles_agree_with_scipy():
    euler = np.random.default_rng(0).uniform((-np.pi, -1.5, -np.pi), (np.pi, 1.5, np.pi), (200, 3))
    matrices = Rotation.from_euler("xyz", euler).as_matrix()
    np.testing.assert_allclose(motion.matrix_from_euler(euler), matrices, atol=1e-12)
    np.testing.assert_allclose(motion.euler_from_matrix(matrices), euler, atol=1e-9)


def test_euler_angles_at_the_singularity_give_the_same_rotation():
    for ey in (-0.5 * np.pi, 0.5 * np.pi):
        matrix = motion.matrix_from_euler(np.array([0.3, ey, -0.4]))
        np.testing.assert_allclose(motion.matrix_from_euler(motion.euler_from_matrix(matrix)), matrix, atol=1e-9)


def test_slerp_agrees_with_scipy():
    ends = Rotation.random(2, rng=np.random.default_rng(1))
    fractions = np.linspace(0.0, 1.0, 7)
    expected = Slerp([0.0, 1.0], ends)(fractions).as_matrix()
    np.testing.assert_allclose(motion.slerp(*ends.as_matrix(), fractions), expected, atol=1e-9)


def test_slerp_between_equal_rotations_stays():
    rotation = motion.pointing_down(0.4)
    np.testing.assert_allclose(motion.slerp(rotation, rotation, np.linspace(0, 1, 3)), [rotation] * 3)


@given(domains, seeds)
@settings(max_examples=40, deadline=None)
def test_the_expert_ends_at_the_goal_pointing_down_with_its_fingers_across_the_block(domain, seed):
    world = sim.sample_scene(domain, seed)
    actions = world.actions(9)
    block = world.blocks[world.target]
    first, last = motion.matrix_from_euler(actions[[0, -1], 3:6])
    np.testing.assert_allclose(actions[-1, :3], [*block.center[:2], 2 * block.half_extents[2]], atol=1e-12)
    np.testing.assert_allclose(last[:, 2], [0, 0, -1], atol=1e-9)
    along = last[:, 0] @ [np.cos(block.yaw), np.sin(block.yaw), 0.0]
    assert abs(along) == pytest.approx(1.0)
    assert last[:, 0] @ first[:, 0] >= 0.0
    assert np.degrees(np.arccos(np.clip(-first[2, 2], -1, 1))) <= 20.0 + 1e-9
    assert world.instruction == f"{world.task} the {block.color} block"


def test_the_expert_starts_and_stops_at_rest():
    steps = np.linalg.norm(np.diff(sim.sample_scene("train", 0).actions(101)[:, :3], axis=0), axis=1)
    assert steps[0] < 0.01 * steps.max() and steps[-1] < 0.01 * steps.max()


def test_a_grasp_closes_over_the_last_third_and_a_reach_stays_open():
    scenes = [sim.sample_scene("train", seed) for seed in range(40)]
    assert {world.task for world in scenes} == {"reach", "grasp"}
    for world in scenes:
        expected = [1, 1, 1, 1, 1, 0.5, 0] if world.task == "grasp" else [1] * 7
        np.testing.assert_allclose(world.actions(7)[:, 6], expected)


# --- scenes --------------------------------------------------------------------------------------------------------


@given(domains, seeds)
@settings(max_examples=60, deadline=None)
def test_a_scene_belongs_to_the_domain_that_it_was_sampled_for(domain, seed):
    world = sim.sample_scene(domain, seed)
    assert sim.scene_domain(world.blocks, world.target) == domain


def test_the_domain_of_a_layout_does_not_depend_on_the_order_of_its_blocks():
    for seed in range(20):
        world = sim.sample_scene("eval", seed)
        assert sim.scene_domain(world.blocks[::-1], len(world.blocks) - 1 - world.target) == "eval"


def test_one_layout_in_eight_is_for_evaluation():
    rng = np.random.default_rng(0)

    def any_layout():
        colors = rng.choice(list(scene.COLORS), 3, replace=False)
        return tuple(scene.sample_block(rng, str(color), rng.uniform(-0.15, 0.15, 2)) for color in colors)

    share = np.mean([sim.scene_domain(any_layout(), 0) == "eval" for _ in range(4000)])
    assert 0.10 < share < 0.15


@given(domains, seeds)
@settings(max_examples=40, deadline=None)
def test_blocks_have_different_colours_and_lie_apart_on_the_table(domain, seed):
    blocks = sim.sample_scene(domain, seed).blocks
    assert len({block.color for block in blocks}) == 3
    centers = np.array([block.center for block in blocks])
    assert np.abs(centers[:, :2]).max() <= 0.15
    assert min(np.linalg.norm(centers[i] - centers[j]) for i in range(3) for j in range(i)) >= 0.0999
    np.testing.assert_allclose(centers[:, 2], [block.half_extents[2] for block in blocks])


@given(domains, seeds, st.sampled_from([0.5, 1.0, 16 / 9]))
@settings(max_examples=30, deadline=None)
def test_the_action_points_stay_four_pixels_inside_a_picture_of_64_rows(domain, seed, aspect):
    world = sim.sample_scene(domain, seed, aspect=aspect)
    points = motion.action_points(world.actions(9))
    for camera in world.cameras:
        pixels = 64 * camera.project(points) + [32 * aspect, 32]
        assert pixels.min() >= 3.9 and (pixels <= [64 * aspect - 3.9, 60.1]).all()


def test_the_same_seed_gives_the_same_scene_whatever_the_number_of_views():
    one, four = sim.sample_scene("train", 11, views=1), sim.sample_scene("train", 11, views=4)
    np.testing.assert_array_equal(one.actions(), four.actions())
    np.testing.assert_array_equal(one.cameras[0].world_from_camera, four.cameras[0].world_from_camera)
    assert len(four.cameras) == 4
    assert one.instruction == four.instruction


def test_cameras_are_right_handed_and_look_down_at_the_table():
    for camera in sim.sample_scene("train", 5, views=6).cameras:
        rotation = camera.world_from_camera[:3, :3]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        assert rotation[2, 2] < 0 and rotation[2, 1] < 0  # forward and the picture's down both point down
        assert np.abs(camera.project(np.array([0.0, 0.0, 0.06]))).max() < 0.1


def test_the_two_first_cameras_look_from_either_side():
    for seed in range(20):
        left, right = (camera.world_from_camera[:3, 3] for camera in sim.sample_scene("train", seed).cameras)
        assert left[0] > 0 and left[1] > 0 and right[0] > 0 and right[1] < 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"domain": "test", "seed": 0}, 'domain: expected "train" or "eval", got "test"'),
        ({"domain": "train", "seed": -1}, "seed: expected a non-negative number, got -1"),
        ({"domain": "train", "seed": 0, "views": 0}, "views: expected at least 1, got 0"),
        ({"domain": "train", "seed": 0, "aspect": 0.1}, "aspect: expected at least 0.25, got 0.1"),
    ],
)
def test_sample_scene_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        sim.sample_scene(**arguments)


# --- pictures ------------------------------------------------------------------------------------------------------


def test_exported_cameras_project_to_where_the_renderer_draws_within_a_third_of_a_pixel():
    """A small cube that hangs in the air, found as the difference to the picture without it."""
    rng = np.random.default_rng(0)
    errors = []
    with sim.TabletopScene(256, 320) as world:
        for seed in range(8):
            base = sim.sample_scene("train", seed, aspect=1.25)
            away = [0.0, 0.0, 9.0]
            blocks = [dataclasses.replace(block, center=block.center + away) for block in base.blocks]
            center = rng.uniform((-0.12, -0.12, 0.02), (0.12, 0.12, 0.25))
            cube = dataclasses.replace(blocks[0], center=center, half_extents=np.full(3, 0.006), rgb=(1.0, 0.0, 0.0))
            hidden = np.array([[*away, 0.0, 0.0, 0.0, 1.0]])
            scenes = (dataclasses.replace(base, blocks=(first, *blocks[1:])) for first in (cube, blocks[0]))
            drawn, empty = (world.render_episode(s, hidden) for s in scenes)
            for view in range(2):
                changed = np.abs(drawn.video[view, 0].astype(float) - empty.video[view, 0]).sum(axis=-1)
                weight = np.minimum(changed / np.percentile(changed[changed > 0], 30), 1.0)
                rows, columns = np.mgrid[:256, :320] + 0.5
                found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
                in_camera = np.linalg.inv(drawn.world_from_camera[view]) @ [*center, 1.0]
                pixel = drawn.intrinsics[view] @ in_camera[:3]
                errors.append(found - pixel[:2] / pixel[2])
    assert np.abs(errors).max() < 0.3
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1


def test_an_episode_has_the_documented_shapes_and_a_moving_gripper(episode):
    assert episode.video.shape == (2, 9, 64, 64, 3) and episode.video.dtype == np.uint8
    assert episode.actions.shape == (9, 7) and episode.actions.dtype == np.float64
    assert episode.intrinsics.shape == (2, 3, 3) and episode.world_from_camera.shape == (2, 4, 4)
    assert (np.abs(np.diff(episode.video.astype(int), axis=1)).max(axis=(2, 3, 4)) > 60).all()
    assert 60 < episode.video.mean() < 220


def test_rendering_is_deterministic_and_leaves_no_trace_of_earlier_scenes(tabletop, episode):
    tabletop.render_episode(sim.sample_scene("eval", 1))
    again = tabletop.render_episode(sim.sample_scene("train", 3))
    np.testing.assert_array_equal(again.video, episode.video)


def test_the_expert_actions_given_explicitly_render_the_same_video(tabletop, episode):
    world = sim.sample_scene("train", 3)
    np.testing.assert_array_equal(tabletop.render_episode(world, world.actions(9)).video, episode.video)


def test_openness_moves_the_fingers(tabletop):
    world = sim.sample_scene("train", 3)
    actions = np.repeat(world.actions(2)[:1], 2, axis=0)
    actions[:, 6] = 0, 1
    video = tabletop.render_episode(world, actions).video.astype(int)
    assert np.abs(video[:, 0] - video[:, 1]).max() > 60


def test_named_blocks_are_visible_in_their_colour(tabletop):
    for seed in range(6):
        world = sim.sample_scene("train", seed)
        away = np.array([[0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 1.0]])
        shown = tabletop.render_episode(world, away)
        for block in world.blocks:
            row = shown.intrinsics[0] @ (np.linalg.inv(shown.world_from_camera[0]) @ [*block.goal, 1.0])[:3]
            column, line = (row[:2] / row[2]).astype(int)
            pixel = shown.video[0, 0, line, column] / 255.0
            likeness = {name: np.dot(pixel, rgb) / np.linalg.norm(rgb) for name, rgb in scene.COLORS.items()}
            assert max(likeness, key=likeness.get) == block.color


def test_any_size_and_number_of_views_can_be_rendered():
    with sim.TabletopScene(48, 80, views=3, supersample=1) as world:
        rendered = world.render_episode(sim.sample_scene("eval", 0, views=3, aspect=80 / 48), frames=2)
    assert rendered.video.shape == (3, 2, 48, 80, 3)
    assert (np.abs(np.diff(rendered.video.astype(int), axis=1)).max(axis=(1, 2, 3, 4)) > 60).all()
    np.testing.assert_allclose(rendered.intrinsics[:, :2, 2], [[40, 24]] * 3)


@pytest.mark.parametrize(
    "actions, message",
    [
        (np.zeros((4, 6)), r"actions: expected \(T, 7\), got \(4, 6\)"),
        (np.zeros((0, 7)), r"actions: expected \(T, 7\), got \(0, 7\)"),
        (np.full((2, 7), np.nan), "actions: expected finite numbers"),
    ],
)
def test_rendering_refuses_actions_that_are_none(tabletop, actions, message):
    with pytest.raises(ValueError, match=message):
        tabletop.render_episode(sim.sample_scene("train", 0), actions)


def test_rendering_refuses_a_scene_with_another_number_of_views(tabletop):
    with pytest.raises(ValueError, match="expected 2 cameras, got 1"):
        tabletop.render_episode(sim.sample_scene("train", 0, views=1))


def test_importing_the_simulation_imports_neither_torch_nor_mujoco():
    code = "import sys, action_images.simulation; print({'torch', 'mujoco'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_without_mujoco_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(ImportError, match=r"pip install action-images\[simulation\]"):
        sim.TabletopScene()


def test_triton_can_be_imported_after_a_picture_was_rendered():
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed")
    code = (
        "from action_images.simulation import TabletopScene, sample_scene\n"
        "with TabletopScene(16, 16, 1) as tabletop:\n"
        "    tabletop.render_episode(sample_scene('eval', 3, views=1), frames=2)\n"
        "import triton"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
