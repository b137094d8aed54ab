# SPDX-License-Identifier: Apache-2.0
"""Action formats, pixel actions and calibration files: laws with Hypothesis, scipy and the release as oracles."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from test_codec import DATA, camera_around, random_actions, rig_around

import action_images as aim

pytestmark = pytest.mark.filterwarnings("ignore:Gimbal lock:UserWarning")  # of scipy
FORMATS = {"euler": 7, "quaternion": 8, "rotation_6d": 10, "matrix": 13}
GRIPPERS = ["openness", "closed"]
QUARTER = np.pi / 2

angle = st.one_of(st.floats(-10, 10), st.sampled_from([0, QUARTER, -QUARTER, np.pi, -np.pi, QUARTER - 1e-8]))
action_rows = st.lists(
    st.tuples(*[st.floats(-2, 2)] * 3, angle, angle, angle, st.floats(0, 1)).map(list), min_size=1, max_size=8
).map(np.array)


def rows_of(rotation, actions, format):
    """What scipy and numpy say the rows of a format are."""
    numbers = {
        "euler": lambda: rotation.as_euler("xyz"),
        "quaternion": lambda: rotation.as_quat(),
        "rotation_6d": lambda: rotation.as_matrix()[:, :, :2].transpose(0, 2, 1).reshape(-1, 6),
        "matrix": lambda: rotation.as_matrix().reshape(-1, 9),
    }[format]()
    return np.hstack([actions[:, :3], numbers, actions[:, 6:]])


def rotation_of(actions):
    return Rotation.from_euler("xyz", actions[:, 3:6])


def turn_between(first, second):
    return (rotation_of(first).inv() * rotation_of(second)).magnitude().max()


@settings(deadline=None, max_examples=60)
@given(action_rows, st.sampled_from(list(FORMATS)), st.sampled_from(GRIPPERS))
def test_every_format_there_and_back_is_the_identity(actions, format, gripper):
    rows = aim.convert_actions(actions, "euler", format, target_gripper=gripper)
    assert rows.shape == (len(actions), FORMATS[format]) and rows.dtype == np.float64
    again = aim.convert_actions(rows, format, "euler", source_gripper=gripper)
    assert np.array_equal(again[:, :3], actions[:, :3])
    assert turn_between(again, actions) < 1e-7
    assert np.abs(again[:, 6] - actions[:, 6]).max() < 1e-15


@settings(deadline=None, max_examples=60)
@given(action_rows, st.sampled_from(list(FORMATS)), st.sampled_from(list(FORMATS)))
def test_formats_agree_with_scipy(actions, source, target):
    rotation = rotation_of(actions)
    rows = aim.convert_actions(rows_of(rotation, actions, source), source, target)
    expected = rows_of(rotation, actions, target)
    if target == "euler":
        assert turn_between(rows, expected) < 1e-7
        return
    if target == "quaternion":
        assert (rows[:, 6] >= 0).all()
        expected[:, 3:7] *= np.sign(np.sum(rows[:, 3:7] * expected[:, 3:7], axis=1, keepdims=True))
    assert np.abs(rows - expected).max() < 1e-7


@settings(deadline=None, max_examples=30)
@given(action_rows)
def test_angles_are_scipys_away_from_gimbal_lock(actions):
    converted = aim.convert_actions(aim.convert_actions(actions, target="matrix"), "matrix", "euler")
    assert (np.abs(converted[:, 3:6]) <= [np.pi, QUARTER, np.pi]).all()
    free = np.abs(np.abs(converted[:, 4]) - QUARTER) > 1e-3
    difference = converted[free, 3:6] - rotation_of(actions).as_euler("xyz")[free]
    assert np.abs(np.sin(difference / 2)).max(initial=0) < 1e-9


def test_a_closed_gripper_is_an_open_one_turned_round():
    raw = np.zeros((4, 7))
    raw[:, 6] = [0, 0.25, 1, 1.1]
    assert aim.convert_actions(raw, source_gripper="closed")[:, 6].tolist() == [1, 0.75, 0, 0]


def test_rows_that_are_no_poses_are_refused_by_name():
    with pytest.raises(aim.ShapeError, match=r"\[codec::convert_actions\] actions: expected \(T, 8\) of the format"):
        aim.convert_actions(np.zeros((2, 7)), "quaternion")
    rows = np.tile([0, 0, 0, 0, 0, 0, 1, 1.0], (3, 1))
    rows[2, 6] = 0.9
    with pytest.raises(ValueError, match=r"rows\[2\]: expected a quaternion of norm 1 within 1e-3"):
        aim.convert_actions(rows, "quaternion")
    rows[2, 6] = 1.0009
    assert aim.convert_actions(rows, "quaternion", "quaternion")[2, 6] == 1
    with pytest.raises(ValueError, match="expected finite numbers, got NaN"):
        aim.convert_actions(np.full((1, 7), np.nan))
    with pytest.raises(ValueError, match='format: expected "euler"'):
        aim.convert_actions(np.zeros((1, 7)), target="axis_angle")
    with pytest.raises(ValueError, match='gripper: expected "openness" or "closed"'):
        aim.convert_actions(np.zeros((1, 7)), source_gripper="open")
    assert aim.convert_actions(np.zeros((0, 8)), "quaternion", "matrix").shape == (0, 13)


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "codec_release.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_pixel_actions_of_the_release_convention_are_the_releases(golden):
    views = [aim.Camera(intrinsics=k, world_from_camera=e, width=64, height=64) for k, e in zip(golden["K"], golden["c2w"])]
    pixels = aim.pixel_actions(golden["action7"], aim.Rig(views), "release")
    assert pixels.shape == (2, 5, 7)
    assert np.abs(pixels.reshape(10, 7)[:, :6] - golden["proj_numpy_fp64"][:, :6]).max() < 1e-4
    images = aim.encode_pixels(pixels.reshape(2, 35), 64, 64, "release")
    assert np.abs(images.reshape(10, 64, 64, 3).astype(int) - golden["rgb_round_u8"]).max() <= 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from(["paper", "release"]), st.integers(2, 4))
def test_pixel_actions_draw_and_lift_to_the_same_actions(seed, convention, views):
    rig, actions = rig_around(views, 32), random_actions(3, seed)
    pixels = aim.pixel_actions(actions, rig, convention, 0.08)
    for dtype in ("uint8", "float32"):
        images = aim.encode_pixels(pixels, 32, 32, convention, dtype=dtype)
        assert images.dtype == dtype
        assert np.array_equal(images, aim.encode(actions, rig, convention, axis_length=0.08, dtype=dtype))
    lifted = aim.actions_from_pixels(pixels, rig, convention, 0.08)
    assert np.abs(lifted[:, :3] - actions[:, :3]).max() < 1e-8
    assert turn_between(lifted, actions) < 1e-6
    assert np.abs(lifted[:, 6] - actions[:, 6]).max() < 1e-12


def test_seven_numbers_may_stand_for_every_frame():
    pixels = [[10, 20, 30, 40, np.nan, np.nan, 1]]
    images = aim.encode_pixels(pixels, 48, 64, frames=5, sigma=3)
    assert images.shape == (1, 5, 48, 64, 3)
    assert (images == images[:, :1]).all() and images[0, 0, :, :, 2].max() == 64
    assert np.unravel_index(images[0, 0, :, :, 0].argmax(), (48, 64)) in [(19, 9), (20, 10)]
    with pytest.raises(ValueError, match="frames: expected 2, as there are pixels of, got 3"):
        aim.encode_pixels([pixels[0] * 2], 48, 64, frames=3)
    with pytest.raises(aim.ShapeError, match=r"pixels: expected \(V, T, 7\) or \(V, 7 T\), got \(1, 8\)"):
        aim.encode_pixels([[0] * 8], 48, 64)
    with pytest.raises(ValueError, match=r"pixels\[0, 0\]: expected finite pixels, or NaN for both"):
        aim.encode_pixels([[np.nan] + [0] * 6], 48, 64)


def test_frames_that_too_few_views_see_are_nan():
    rig, actions = rig_around(2, 32), random_actions(3)
    pixels = aim.pixel_actions(actions, rig)
    pixels[1, 1, 4:6] = np.nan
    lifted = aim.actions_from_pixels(pixels, rig)
    assert np.isnan(lifted[1]).all() and np.isfinite(lifted[[0, 2]]).all()
    actions[0, :3] = [50, 0, 50]
    assert np.isnan(aim.pixel_actions(actions, rig)[:, 0, :6]).all()
    with pytest.raises(ValueError, match="two views or more"):
        aim.actions_from_pixels(pixels[:1], rig_around(1, 32))


def moving_rig(frames=4):
    wrist = [camera_around(-0.7 + 0.1 * t, 64, -1.0) for t in range(frames)]
    return aim.Rig([wrist, camera_around(0.7, 64, -1.0)], names=["wrist", "front"])


def assert_equal(first, second):
    assert np.array_equal(first.intrinsics, second.intrinsics)
    assert np.array_equal(first.world_from_camera, second.world_from_camera)


def test_rig_files_keep_names_lenses_and_motion(tmp_path):
    path = tmp_path / "rig.json"
    first = camera_around(0.2, 64)
    options = {"intrinsics": first.intrinsics, "world_from_camera": first.world_from_camera, "width": 64, "height": 64}
    fisheye = aim.Camera(**options, lens="fisheye", distortion=[0.1, 0.02, 0, 0])
    for rig in (moving_rig(), aim.Rig([fisheye, first], names=["a", "ä"])):
        rig.save(path)
        loaded = aim.load_rig(path)
        assert_equal(loaded, rig)
        assert loaded.names == rig.names
        assert [(camera.lens, camera.distortion) for camera in loaded] == [(c.lens, c.distortion) for c in rig]
    document = json.loads(path.read_text())
    assert document["version"] == 2 and document["views"][0]["lens"] == "fisheye"
    assert aim.Rig.load(path, views=["ä"]).names == ["ä"]
    with pytest.raises(ValueError, match='views: expected names among "a"'):
        aim.load_rig(path, views=["b"])
    with pytest.raises(aim.ShapeError, match=r"names: expected \(2,\)"):
        aim.Rig(list(rig), names=["a"])


def test_files_of_version_1_are_read(tmp_path):
    camera = camera_around(0.2, 64)
    view = {"name": "left", "width": 64, "height": 64}
    view |= {"intrinsics": camera.intrinsics.tolist(), "world_from_camera": camera.world_from_camera.tolist()}
    path = tmp_path / "rig.json"
    path.write_text(json.dumps({"format": "action-images-rig", "version": 1, "views": [view]}))
    assert_equal(aim.load_rig(path), aim.Rig([camera]))


def test_axes_of_a_file_are_those_of_the_camera(tmp_path):
    camera, path = camera_around(0.2, 64), tmp_path / "rig.json"
    for axes in ("opencv", "opengl", "blender", "pytorch3d", "ros"):
        view = {"width": 64, "height": 64, "axes": axes, "intrinsics": camera.intrinsics.tolist()}
        path.write_text(json.dumps({"views": [view | {"world_from_camera": camera.pose(axes).tolist()}]}))
        assert_equal(aim.load_rig(path), aim.Rig([camera]))


def test_the_datasets_files_are_read_and_written(tmp_path):
    rig = moving_rig()
    paths = [tmp_path / name / "camera_params.json" for name in rig.names]
    for path in paths:
        path.parent.mkdir()
    aim.save_camera_params(rig, paths)
    entry = json.loads(paths[0].read_text())["0003"]
    assert np.array_equal(entry["extrinsics"], rig.camera(0, 3).world_from_camera)
    loaded = aim.load_camera_params(paths, 64, 64)
    assert_equal(loaded, rig)
    assert loaded.names == ["wrist", "front"]
    longer = aim.load_camera_params([str(path) for path in paths], 64, 64, frames=6)
    assert np.array_equal(longer.camera(0, 5).world_from_camera, rig.camera(0, 3).world_from_camera)
    assert aim.load_camera_params(paths[0], 64, 64, frames=2).frames == 2
    assert aim.load_rig(paths[0], width=64, height=64).names == ["wrist"]

    still = rig_around(2, 64)
    aim.save_droid_cameras(still, tmp_path / "camera.json")
    assert_equal(aim.load_droid_cameras(tmp_path / "camera.json", 64, 64), still)
    assert_equal(aim.load_rig(tmp_path / "camera.json", width=64, height=64), still)
    swapped = aim.load_droid_cameras(tmp_path / "camera.json", 64, 64, views=["view_1", "view_0"])
    assert_equal(swapped, aim.Rig(list(still)[::-1]))
    with pytest.raises(ValueError, match="width, height: expected the size of the pictures in px"):
        aim.load_rig(tmp_path / "camera.json")
    with pytest.raises(ValueError, match=r"width: expected 1\.\.16384, got -1"):
        aim.load_rig(tmp_path / "camera.json", width=-1)


def test_a_deeply_nested_file_is_a_format_error(tmp_path):
    path = tmp_path / "rig.json"
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        path.write_text(opening * 100_000 + "0" + closing * 100_000)
        with pytest.raises(aim.FormatError, match="nested at most 12 deep"):
            aim.load_rig(path)


def test_cameras_of_vggt_are_the_releases_after_mirroring(golden):
    extrinsic = golden["vggt_w2c"]
    intrinsic = np.tile([[70, 0, 32], [0, 60, 24], [0, 0, 1.0]], (2, 1, 1)).astype(np.float32)
    rig = aim.Rig.from_vggt(extrinsic, intrinsic, width=64, height=48)
    assert np.abs(rig[1].camera_from_world[:3] - extrinsic[1]).max() < 1e-6
    mirrored = rig.mirrored()
    assert np.abs(mirrored.world_from_camera[:, :3] - golden["vggt_to_release_c2w34"]).max() < 1e-5
    assert (mirrored.intrinsics[:, [0, 1], [0, 1]] == [-70, -60]).all()
    with pytest.raises(aim.ShapeError, match=r"intrinsic: expected \(2, 3, 3\), got \(1, 3, 3\)"):
        aim.Rig.from_vggt(extrinsic, intrinsic[:1], width=64, height=48)


@settings(deadline=None, max_examples=30)
@given(actions=action_rows, format=st.sampled_from(list(FORMATS)), gripper=st.sampled_from(GRIPPERS))
def test_trajectory_files_of_every_format_are_read_again(tmp_path_factory, actions, format, gripper):
    path = tmp_path_factory.getbasetemp() / "trajectory.csv"
    aim.save_trajectory(actions, path, format=format, gripper=gripper)
    assert len(path.read_text().splitlines()[0].split(",")) == FORMATS[format]
    loaded = aim.load_trajectory(path)
    assert np.array_equal(loaded[:, :3], actions[:, :3]) and turn_between(loaded, actions) < 1e-7
    assert np.abs(loaded[:, 6] - actions[:, 6]).max() < 1e-15


def test_bytes_that_are_no_text_are_a_format_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y,z,ex,ey,ez,openness\n1,2,3,4,5,6,\xff\xfe\n")
    with pytest.raises(aim.FormatError, match=r'openness: expected a finite number, got "\?\?"'):
        aim.load_trajectory(path)
    path.write_bytes(b'{"views": "\xff"}')
    with pytest.raises(aim.FormatError, match="expected JSON"):
        aim.load_rig(path)
