# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/bad-input.md that concern the codec: the error's kind, and that it names what was wrong."""

import numpy as np
import pytest
from test_codec import camera_around, random_actions, rig_around

import action_images as aim

EYE = np.eye(4)
K = np.array([[70.0, 0, 32], [0, 70, 32], [0, 0, 1]])


def camera(**changes):
    return aim.Camera(**{"intrinsics": K, "world_from_camera": EYE, "width": 64, "height": 64, **changes})


def changed(matrix, index, value):
    matrix = np.array(matrix, dtype=float)
    matrix[index] = value
    return matrix


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"intrinsics": np.zeros((3, 3))}, ValueError, "intrinsics: expected last row 0 0 1"),
        ({"intrinsics": changed(K, (0, 0), 0)}, ValueError, "intrinsics: expected an invertible 3x3 matrix"),
        ({"intrinsics": changed(K, (0, 0), np.nan)}, ValueError, "intrinsics: expected finite numbers"),
        ({"intrinsics": np.eye(4)}, aim.ShapeError, r"intrinsics: expected \(3, 3\), got \(4, 4\)"),
        ({"world_from_camera": changed(EYE, (0, 0), 1.01)}, ValueError, "a rotation orthonormal within 1e-4"),
        ({"world_from_camera": changed(EYE, (0, 0), -1)}, ValueError, "determinant"),
        ({"world_from_camera": np.eye(3)}, aim.ShapeError, "world_from_camera"),
        ({"width": 0}, ValueError, r"width, height: expected 1..16384 px, got 0, 64"),
        ({"height": 100_000}, ValueError, "16384"),
        ({"axes": "left"}, ValueError, 'axes: expected "opencv"'),
        ({"lens": "fisheye", "distortion": [0.1]}, ValueError, "coefficients: expected 4 of a fisheye lens, got 1"),
        ({"lens": "brown_conrady", "distortion": [np.inf] * 4}, ValueError, "coefficients: expected finite numbers"),
        ({"lens": "wide"}, ValueError, "brown_conrady"),
    ],
)
def test_what_is_no_camera_is_refused(changes, error, text):
    with pytest.raises(error, match=text):
        camera(**changes)


def test_float32_poses_are_cameras():
    pose = camera_around(0.4, 64).world_from_camera.astype(np.float32)
    assert camera(world_from_camera=pose).width == 64


@pytest.mark.parametrize(
    ("cameras", "text"),
    [
        ([], "at least one"),
        ([camera(), camera(width=32)], "equal sizes"),
        ([[camera()] * 3, [camera()] * 2], "1 or 3 for every view"),
        ([camera(), 3], "a Camera, or a list of them"),
    ],
)
def test_what_is_no_rig_is_refused(cameras, text):
    with pytest.raises(ValueError, match=text):
        aim.Rig(cameras)


RIG = rig_around(2, 32)
IMAGES = aim.encode(random_actions(3), RIG)


@pytest.mark.parametrize(
    ("images", "options", "error", "text"),
    [
        (IMAGES[0], {}, aim.ShapeError, r"images: expected \(V, T, H, W, 3\)"),
        (IMAGES[:1], {}, aim.ShapeError, r"images: expected \(2, T, 32, 32, 3\), got \(1, 3, 32, 32, 3\)"),
        (IMAGES[:, :, :16], {}, aim.ShapeError, "images"),
        (IMAGES.astype(np.int32), {}, ValueError, "images: expected uint8, or floating point"),
        (IMAGES.astype(np.float32), {}, ValueError, r"images: expected finite values in \[0, 1\]"),
        (np.full(IMAGES.shape, np.nan), {}, ValueError, "images"),
        ("picture", {}, ValueError, "images"),
        (IMAGES, {"convention": "ours"}, ValueError, 'convention: expected "paper" or "release"'),
        (IMAGES, {"method": "best"}, ValueError, 'method: expected "robust", "paper" or "release"'),
        (IMAGES, {"sigma": 0}, ValueError, "sigma"),
        (IMAGES, {"axis_length": -0.1}, ValueError, "axis_length"),
        (IMAGES, {"threshold": 0}, ValueError, "threshold"),
        (IMAGES, {"near": 1.0, "far": 0.5}, ValueError, "near, far: expected 0 < near < far"),
        (IMAGES, {"samples": 1}, ValueError, "samples"),
        (IMAGES, {"samples": -5}, ValueError, "samples"),
        (IMAGES, {"threads": -1}, ValueError, "threads"),
    ],
)
def test_what_cannot_be_decoded_is_refused(images, options, error, text):
    with pytest.raises(error, match=text):
        aim.decode(images, RIG, **options)


def test_one_view_needs_a_positive_depth_or_a_plane():
    one = aim.Rig([RIG[0]])
    for options, text in (({}, "a depth or a plane"), ({"depth": -1.0}, "depth"), ({"plane": [0, 0, 0, 1]}, "plane")):
        with pytest.raises(ValueError, match=text):
            aim.decode(IMAGES[:1], one, **options)
    with pytest.raises(aim.ShapeError, match=r"plane: expected \(4,\)"):
        aim.decode(IMAGES[:1], one, plane=[0, 0, 1])
    with pytest.raises(ValueError, match="at least two views"):
        aim.decode(IMAGES[:1], one, method="paper")


@pytest.mark.parametrize(
    ("actions", "options", "error", "text"),
    [
        (np.zeros((3, 8)), {}, aim.ShapeError, r"actions: expected \(T, 7\), got \(3, 8\)"),
        (np.zeros(7), {}, aim.ShapeError, "actions"),
        ([["a"] * 7], {}, aim.ShapeError, "actions"),
        (np.full((3, 7), np.nan), {}, ValueError, r"actions\[0\]: expected finite numbers"),
        (np.full((3, 7), 2.0), {}, ValueError, r"openness: expected a number in \[0, 1\]"),
        (np.zeros((3, 7)), {"dtype": "int32"}, ValueError, "dtype: expected uint8 or float32"),
        (np.zeros((3, 7)), {"out": np.zeros((2, 2, 32, 32, 3), np.uint8)}, aim.ShapeError, "out"),
        (np.zeros((3, 7)), {"out": np.zeros((2, 3, 32, 32, 6), np.uint8)[..., ::2]}, ValueError, "C-contiguous"),
    ],
)
def test_what_cannot_be_encoded_is_refused(actions, options, error, text):
    with pytest.raises(error, match=text):
        aim.encode(actions, RIG, **options)


def test_a_rig_that_moves_needs_as_many_cameras_as_frames():
    moving = aim.Rig([[RIG[0]] * 4, RIG[1]])
    with pytest.raises(ValueError, match="rig: expected cameras that stand still, or those of 3 frames"):
        aim.encode(random_actions(3), moving)
    with pytest.raises(ValueError, match="cameras of 4"):
        aim.decode(IMAGES, moving)


def test_a_point_behind_the_camera_is_no_error_but_confidence_0():
    actions = random_actions(2)
    actions[:, :3] = 2 * RIG[0].world_from_camera[:3, 3] + 2 * RIG[1].world_from_camera[:3, 3]
    decoded = aim.decode(aim.encode(actions, RIG), RIG)
    assert (decoded.confidence == 0).all() and not decoded.valid.any() and np.isnan(decoded.actions[:, 0]).all()
