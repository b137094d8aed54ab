# SPDX-License-Identifier: Apache-2.0
"""Scale and frame of cameras: laws, scipy as an oracle, error texts, the command."""

import inspect

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from test_codec import random_actions, rig_around

import action_images as aim

FRAME = aim.Similarity(scale=0.37, rotation=Rotation.from_euler("xyz", [0.3, -1, 2]).as_matrix(), translation=[1, 2, 3])


def noisy_pixels(rig, actions, noise=0.0, wrong=0.0, seed=0):
    random = np.random.default_rng(seed)
    pixels = aim.pixel_actions(actions, rig)
    points = pixels[..., :6].reshape(*pixels.shape[:2], 3, 2)
    points += noise * random.normal(size=points.shape)
    chosen = random.uniform(size=points.shape[:3]) < wrong
    points[chosen] = random.uniform(0, rig.width, (chosen.sum(), 2))
    pixels[..., :6] = points.reshape(*pixels.shape[:2], 6)
    return pixels


def disturbed(rig, turn=0.03, shift=0.02, seed=1):
    random, cameras = np.random.default_rng(seed), []
    for camera in rig:
        pose = camera.world_from_camera
        pose[:3, :3] = Rotation.from_rotvec(turn * random.normal(size=3)).as_matrix() @ pose[:3, :3]
        pose[:3, 3] += shift * random.normal(size=3)
        cameras.append(
            aim.Camera(intrinsics=camera.intrinsics, world_from_camera=pose, width=camera.width, height=camera.height)
        )
    return aim.Rig(cameras)


def centre_error(a, b):
    return np.linalg.norm(a.world_from_camera[:, :3, 3] - b.world_from_camera[:, :3, 3], axis=1).max()


def test_similarities_act_on_points_actions_and_rigs():
    random = np.random.default_rng(0)
    points, actions, rig = random.normal(size=(2, 5, 3)), random_actions(4), rig_around(2)
    assert np.allclose(FRAME.points(points), 0.37 * points @ FRAME.rotation.T + [1, 2, 3])
    assert np.allclose((FRAME.inverse() @ FRAME).matrix, np.eye(4))
    moved = FRAME.actions(actions)
    assert np.allclose(moved[:, :3], FRAME.points(actions[:, :3])) and np.allclose(moved[:, 6], actions[:, 6])
    turned = Rotation.from_matrix(FRAME.rotation) * Rotation.from_euler("xyz", actions[:, 3:6])
    assert (turned.inv() * Rotation.from_euler("xyz", moved[:, 3:6])).magnitude().max() < 1e-9
    for before, after in zip(rig, aim.align_rig(rig, FRAME)):
        assert np.allclose(before.project(actions[:, :3]), after.project(moved[:, :3]))
    assert np.allclose(FRAME.rig(rig).world_from_camera, aim.align_rig(rig, FRAME).world_from_camera)


def test_rotations_of_similarities_are_those_of_scipy():
    random = np.random.default_rng(1)
    source, weights = random.normal(size=(30, 3)), random.uniform(0.5, 2, 30)
    target = FRAME.points(source) + 0.1 * random.normal(size=(30, 3))
    fit = aim.similarity_from_points(source, target, weights)
    mean = [np.average(points, axis=0, weights=weights) for points in (source, target)]
    expected, _ = Rotation.align_vectors(target - mean[1], source - mean[0], weights=weights)
    assert np.allclose(fit.similarity.rotation, expected.as_matrix(), atol=1e-9)
    residuals = np.linalg.norm(fit.similarity.points(source) - target, axis=1)
    assert np.allclose(fit.residuals, residuals) and fit.largest == pytest.approx(residuals.max())
    assert fit.rms == pytest.approx(np.sqrt(np.average(residuals**2, weights=weights)))


def test_trajectories_and_rigs_give_the_similarity_between_their_frames():
    actions, rig = random_actions(20), rig_around(3)
    seen = FRAME.inverse().actions(actions)
    seen[3] = np.nan
    seen[4:7, :3] += 5
    fit = aim.similarity_from_trajectories(seen, actions)
    assert np.allclose(fit.similarity.matrix, FRAME.matrix, atol=1e-9) and fit.inliers.sum() == 16
    straight = np.zeros((5, 7))
    straight[:, 0] = np.arange(5)
    with pytest.raises(aim.NumericalError, match="points that do not lie on a line"):
        aim.similarity_from_trajectories(straight, straight)
    fit = aim.similarity_from_rigs(rig, FRAME.rig(rig))
    assert np.allclose(fit.similarity.matrix, FRAME.matrix) and fit.rms < 1e-9 and fit.rotation_rms < 1e-6


def test_a_known_distance_gives_metres():
    rig = rig_around(2)
    distance = np.linalg.norm(np.subtract(*rig.world_from_camera[:, :3, 3]))
    similarity = aim.scale_from_camera_distance(FRAME.rig(rig), 0, 1, distance)
    assert similarity.scale == pytest.approx(1 / 0.37)
    with pytest.raises(ValueError, match="two different ones of 2, got 0, 0"):
        aim.scale_from_camera_distance(rig, 0, 0, 1.0)


@pytest.mark.parametrize("convention", ["paper", "release"])
def test_a_gripper_seen_by_two_views_aligns_a_rig(convention):
    rig, actions = rig_around(2, 256), random_actions(1)
    pixels = aim.pixel_actions(actions, rig, convention)
    aligned = aim.align_to_gripper(FRAME.rig(rig), pixels[:, 0], actions[0], convention)  # (V, 7) and (7,)
    assert centre_error(aligned.rig, rig) < 1e-6 and aligned.rms_px < 1e-6 and aligned.rms_mm < 1e-6
    assert aligned.similarity.scale == pytest.approx(1 / 0.37) and aligned.scale_error > 1e-3
    assert aligned.inliers.shape == (2, 1, 3) and aligned.inliers.all() and aligned.converged
    axes = aim.scale_from_axes(FRAME.rig(rig), pixels, convention)
    assert axes.scale == pytest.approx(1 / 0.37) and axes.lengths == 2 and axes.angle == pytest.approx(90)


@pytest.mark.parametrize("loss, name", [("squared", "linear"), ("huber", "huber"), ("cauchy", "cauchy")])
def test_the_alignment_minimises_what_scipy_minimises(loss, name):
    rig, actions = rig_around(3, 256), random_actions(12)
    given, pixels = FRAME.rig(rig), noisy_pixels(rig, actions, 1.0)
    aligned = aim.align_to_gripper(given, pixels, actions, loss=loss)
    points = aim.action_points(actions).reshape(-1, 3)

    def cost(similarity):
        inverse = similarity.inverse()
        error = [camera.project(inverse.points(points)) - pixels[v, :, :6].reshape(-1, 2) for v, camera in enumerate(given)]
        squared = (np.concatenate(error) ** 2).sum(axis=1)
        scale = 2.385**2
        if loss == "cauchy":
            return scale * np.log1p(squared / scale).sum()
        return np.where((squared > scale) & (loss == "huber"), scale * (2 * np.sqrt(squared / scale) - 1), squared).sum()

    def lengths(x):  # one residual for every point, as the loss counts them
        similarity = aim.Similarity(
            scale=aligned.similarity.scale * np.exp(x[6]),
            rotation=Rotation.from_rotvec(x[3:6]).as_matrix() @ aligned.similarity.rotation,
            translation=aligned.similarity.translation + x[:3],
        )
        inverse = similarity.inverse()
        error = [camera.project(inverse.points(points)) - pixels[v, :, :6].reshape(-1, 2) for v, camera in enumerate(given)]
        return np.linalg.norm(np.concatenate(error), axis=1)

    found = least_squares(lengths, 1e-3 * np.ones(7), loss=name, f_scale=2.385, x_scale="jac", xtol=1e-12, ftol=1e-12)
    assert 0.99 * 2 * found.cost < cost(aligned.similarity) <= 2 * found.cost * (1 + 1e-6)


def test_cameras_are_refined_as_scipy_refines_them():
    rig, actions = rig_around(1, 256), random_actions(20)
    pixels = noisy_pixels(rig, actions, 1.0)
    refined = aim.refine_cameras(disturbed(rig), pixels, actions, loss="squared")
    points, camera = aim.action_points(actions).reshape(-1, 3), refined.rig[0]

    def residuals(x):
        pose = camera.world_from_camera
        pose[:3, :3] = Rotation.from_rotvec(x[3:]).as_matrix() @ pose[:3, :3]
        pose[:3, 3] += x[:3]
        moved = aim.Camera(intrinsics=camera.intrinsics, world_from_camera=pose, width=256, height=256)
        return (moved.project(points) - pixels[0, :, :6].reshape(-1, 2)).ravel()

    found = least_squares(residuals, np.full(6, 1e-3), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert np.abs(found.x).max() < 1e-6
    covariance = np.linalg.inv(found.jac.T @ found.jac) * 2 * found.cost / (len(found.fun) - 6)
    assert refined.position_error[0] == pytest.approx(np.sqrt(np.trace(covariance[:3, :3])), rel=1e-3)
    assert refined.rotation_error[0] == pytest.approx(np.sqrt(np.trace(covariance[3:, 3:])), rel=1e-3)


@pytest.mark.parametrize("views", [1, 2, 3])
def test_cameras_are_refined_with_wrong_and_missing_pixels(views):
    rig, actions = rig_around(views, 256), random_actions(30)
    pixels = noisy_pixels(rig, actions, 0.3, 0.2)
    pixels[:, 5, 2:4] = np.nan
    actions[7, 4] = np.nan
    refined = aim.refine_cameras(FRAME.rig(disturbed(rig)), pixels, actions)
    assert centre_error(refined.rig, rig) < 0.015 and refined.converged
    assert refined.rms_after.shape == (views,) and refined.rms_after.max() < 1.5
    assert (refined.similarity is None) == (views == 1)
    assert not refined.inliers[:, 7].any() and refined.points.shape == (30, 3, 3)
    assert refined.seen == [29 * 3 - 1] * views


def test_cameras_are_refined_from_action_images():
    rig, actions = rig_around(2, 128), random_actions(10)
    images = aim.encode(actions, rig, "release")
    refined = aim.refine_cameras_from_action_images(
        FRAME.rig(disturbed(rig)), images, actions, "release", focal="per_view"
    )
    assert centre_error(refined.rig, rig) < 5e-3 and refined.focal_error.max() < 0.01
    assert np.isnan(aim.pixels_from_action_images(images)[..., 6]).all()


def test_bad_input_is_named():
    rig, actions = rig_around(2), random_actions(3)
    pixels = aim.pixel_actions(actions, rig)
    with pytest.raises(aim.ShapeError, match=r"pixels: expected \(2, 2, 7\), got \(2, 3, 7\)"):
        aim.align_to_gripper(rig, pixels, actions[:2])
    with pytest.raises(ValueError, match="two views or more: the scale of one view cannot be seen, got 1"):
        aim.align_to_gripper(rig_around(1), pixels[:1], actions)
    with pytest.raises(aim.NumericalError, match="three points or more, not on a line"):
        aim.align_to_gripper(rig, np.full_like(pixels, np.nan), actions)
    with pytest.raises(ValueError, match='loss: expected "squared", "huber" or "cauchy", got "l1"'):
        aim.refine_cameras(rig, pixels, actions, loss="l1")
    with pytest.raises(ValueError, match='focal: expected "fixed", "shared" or "per_view"'):
        aim.refine_cameras(rig, pixels, actions, focal="free")
    with pytest.raises(ValueError, match="scale: expected a positive number, got 0"):
        aim.Similarity(scale=0)
    with pytest.raises(ValueError, match="rotation: expected an orthonormal matrix"):
        aim.Similarity(rotation=np.diag([1, 1, -1]))
    half = pixels.copy()
    half[0, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"pixels\[0, 1\]: expected finite pixels, or NaN for both x and y"):
        aim.refine_cameras(rig, half, actions)


@pytest.fixture
def folder(tmp_path):
    """estimated.json in another frame than rig.json; actions.csv, images.npy and points.npy."""
    rig, actions = rig_around(2, 128), random_actions(8)
    rig.save(tmp_path / "rig.json")
    FRAME.rig(disturbed(rig, 0.01, 0.005)).save(tmp_path / "estimated.json")
    aim.save_trajectory(actions, tmp_path / "actions.csv")
    np.save(tmp_path / "images.npy", aim.encode(actions, rig))
    return tmp_path


def test_the_command_refines_with_a_trajectory(command_line, folder):
    given = ("rescale", folder / "estimated.json", "--out", folder / "out.json")
    labelled = ("--trajectory", folder / "actions.csv", "--action-images", folder / "images.npy")
    shown = command_line(*given, *labelled)
    assert (shown.code, shown.err) == (0, "") and "view_1: residual" in shown.out
    assert centre_error(aim.load_rig(folder / "out.json"), aim.load_rig(folder / "rig.json")) < 3e-3
    shown = command_line(*given, *labelled, "--as-a-whole")
    assert shown.code == 0 and "+-" in shown.out and "mm rms" in shown.out
    assert centre_error(aim.load_rig(folder / "out.json"), aim.load_rig(folder / "rig.json")) < 5e-2


def test_action_images_may_be_smaller_than_the_pictures_of_the_rig(command_line, folder):
    aim.load_rig(folder / "estimated.json").center_crop_resize(256, 256).save(folder / "estimated.json")
    given = ("rescale", folder / "estimated.json", "--out", folder / "out.json", "--trajectory", folder / "actions.csv")
    shown = command_line(*given, "--action-images", folder / "images.npy")
    assert shown.code == 0 and "the cameras are of 128 x 128 px, as the action images" in shown.out
    assert centre_error(aim.load_rig(folder / "out.json"), aim.load_rig(folder / "rig.json")) < 3e-3


def test_the_command_takes_a_distance_a_gripper_or_a_known_rig(command_line, refused, folder):
    rig = aim.load_rig(folder / "rig.json")
    given = ("rescale", folder / "estimated.json", "--out", folder / "out.json")
    shown = command_line(*given, "--distance", "view_0", "1", "0.5")
    assert shown.code == 0 and "no residual" in shown.out
    centres = aim.load_rig(folder / "out.json").world_from_camera[:, :3, 3]
    assert np.linalg.norm(centres[0] - centres[1]) == pytest.approx(0.5)
    action = random_actions(1)
    rows = aim.pixel_actions(action, rig)[:, 0]
    FRAME.rig(rig).save(folder / "estimated.json")
    seen = [part for row in rows for part in ("--view-action", *row)]
    shown = command_line(*given, "--gripper", *action[0], *seen)
    assert shown.code == 0 and "residual" in shown.out
    assert centre_error(aim.load_rig(folder / "out.json"), rig) < 1e-6
    shown = command_line(*given, "--robot-frame", folder / "rig.json")
    assert shown.code == 0 and "degrees rms" in shown.out
    assert centre_error(aim.load_rig(folder / "out.json"), rig) < 1e-6
    assert "expected a view of view_0, view_1" in refused(*given, "--distance", "0", "7", "1")
    assert "expected one for each of 2 views, got 0" in refused(*given, "--gripper", *action[0])
    assert "required" in refused(*given)


def test_points_go_with_the_rig():
    from argparse import Namespace

    from action_images.cli.rescale_options import rescaled

    rig, points = rig_around(2), np.random.default_rng(0).normal(size=(4, 3))
    nothing = {"distance": None, "gripper": None, "trajectory": None, "robot_frame": None}
    same, still, report = rescaled(rig, points, Namespace(**nothing))
    assert same is rig and still is points and report == ""
    _, moved, _ = rescaled(rig, points, Namespace(**{**nothing, "distance": ["0", "1", "3"]}))
    apart = np.linalg.norm(np.subtract(*rig.world_from_camera[:, :3, 3]))
    assert np.allclose(moved, 3 / apart * points)


def test_every_public_name_is_documented_in_the_stubs():
    from pathlib import Path

    stubs = Path(inspect.getfile(aim)).with_name("_codec.pyi").read_text()
    for name in ("Similarity", "SimilarityFit", "AlignedRig", "AxisScale", "RefinedRig"):
        assert f"class {name}:" in stubs
        for attribute in vars(getattr(aim, name)):
            assert attribute.startswith("_") or f"def {attribute}(" in stubs, f"{name}.{attribute}"
