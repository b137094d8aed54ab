# SPDX-License-Identifier: Apache-2.0
"""Drawing over pictures from Python: shapes, where results go, error texts. The C++ tests look at the pixels."""

import numpy as np
import pytest
from test_codec import random_actions, rig_around

import action_images as aim


def grey(*shape):
    return np.full((*shape, 3), 100, np.uint8)


def test_a_trajectory_is_drawn_on_a_copy_into_out_or_in_place():
    rig, actions, images = rig_around(2, 48), random_actions(3), grey(2, 3, 48, 48)
    drawn = aim.draw_trajectory(images, actions, rig)
    assert drawn.shape == images.shape and (images == 100).all() and (drawn != 100).any(axis=(2, 3, 4)).all()
    out = np.zeros_like(images)
    assert aim.draw_trajectory(images, actions, rig, out=out) is out and np.array_equal(out, drawn)
    assert aim.draw_trajectory(images, actions, rig, out=images) is images and np.array_equal(images, drawn)


def test_one_picture_of_one_camera_shows_a_moment():
    rig, actions = rig_around(2, 48), random_actions(3)
    clip = aim.draw_trajectory(grey(2, 3, 48, 48), actions, rig)
    for time in range(3):
        assert np.array_equal(aim.draw_trajectory(grey(48, 48), actions, rig[1], time=time), clip[1, time])
    assert np.array_equal(aim.draw_trajectory(grey(48, 48), actions, rig[1]), clip[1, 2])
    assert np.array_equal(aim.draw_trajectory(grey(2, 1, 48, 48), actions, rig)[:, 0], clip[:, 2])


def test_a_picture_that_is_not_contiguous_is_drawn_on_too():
    rig, actions = rig_around(1, 48), random_actions(3)
    transposed = grey(48, 48).transpose(1, 0, 2)
    assert np.array_equal(aim.draw_trajectory(transposed, actions, rig), aim.draw_trajectory(grey(48, 48), actions, rig))


def test_axes_are_drawn_in_their_colours():
    rig = rig_around(1, 128)
    pose = np.eye(4)
    pose[:3, 3] = [0, 0, 0.06]
    drawn = aim.draw_axes(grey(128, 128), pose, rig[0], length=0.2, width=5)
    for axis in range(3):
        x, y = rig[0].project([pose[:3, 3] + 0.19 * pose[:3, axis]])[0].astype(int)
        assert drawn[y, x].argmax() == axis


def test_a_blend_is_the_released_mean_or_a_glow():
    random = np.random.default_rng(0)
    rgb, action = random.integers(0, 256, (2, 4, 5, 6, 3), dtype=np.uint8)
    assert np.array_equal(aim.heat_blend(rgb, action), (rgb.astype(int) + action + 1) // 2)
    assert np.array_equal(aim.heat_blend(rgb, np.zeros_like(rgb), mode="glow"), rgb)
    assert aim.heat_blend(rgb, action, 1.0, out=rgb) is rgb and np.array_equal(rgb, action)


def test_the_colours_of_time_are_those_of_the_path():
    colours = aim.time_colours(5)
    assert colours.shape == (5, 3) and colours.dtype == np.uint8
    assert np.array_equal(aim.time_colours(1)[0], colours[0]) and len(aim.time_colours(0)) == 0


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda r, a: aim.draw_trajectory(grey(2, 4, 48, 48), a, r), aim.ShapeError, r"images: expected \(2, 3, 48"),
        (lambda r, a: aim.draw_trajectory(grey(3, 48, 48), a, r), aim.ShapeError, r"images: expected \(V, T, H, W, 3\)"),
        (lambda r, a: aim.draw_trajectory(np.zeros((2, 3, 48, 48, 3)), a, r), ValueError, "dtype uint8, got float64"),
        (lambda r, a: aim.draw_trajectory(grey(48, 48), a, "rig"), ValueError, "rig: expected a Rig or a Camera, got str"),
        (lambda r, a: aim.draw_trajectory(grey(48, 48), a, r[0], out=grey(48, 47)), aim.ShapeError, "out: expected"),
        (lambda r, a: aim.draw_trajectory(grey(48, 48), a, r[0], time=3), ValueError, "time: expected a frame within"),
        (lambda r, a: aim.draw_axes(grey(48, 48), np.eye(3), r[0]), aim.ShapeError, r"world_from_frame: expected \(4, 4\)"),
        (lambda r, a: aim.draw_axes(grey(48, 48), np.eye(4), r[0], length=0), ValueError, "length: expected"),
        (lambda r, a: aim.heat_blend(grey(4, 4), grey(4, 5)), aim.ShapeError, r"expected \(4, 4, 3\), got \(4, 5, 3\)"),
        (lambda r, a: aim.heat_blend(grey(4, 4), grey(4, 4), 2.0), ValueError, r"alpha: expected a number in \[0, 1\]"),
        (lambda r, a: aim.heat_blend(grey(4, 4), grey(4, 4), mode="add"), ValueError, 'mode: expected "mean" or "glow"'),
        (lambda r, a: aim.time_colours(-1), ValueError, "count: expected"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call(rig_around(2, 48), random_actions(3))
