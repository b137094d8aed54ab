# SPDX-License-Identifier: Apache-2.0
"""The released layouts of RLBench, DROID and Bridge, from small real files: what is read, and what damage says."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")
Rotation = pytest.importorskip("scipy.spatial.transform").Rotation

import data_episodes as made
from action_images import FormatError, data
from action_images.model import write_video

HEIGHT, WIDTH = 24, 32


def write_pictures(path, frames, view=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = made.pictures(frames, HEIGHT, WIDTH, view)
    write_video(path, pictures, fps=20, crf=0, codec="libx264rgb", pixel_format="rgb24")


def json_camera(view, time=0, mirrored=False):
    camera = made.camera(HEIGHT, WIDTH, view, time)
    intrinsics, pose = np.array(camera.intrinsics), np.array(camera.world_from_camera)
    if mirrored:
        intrinsics[:, :2] *= -1
        pose[:, :2] *= -1
    return {"intrinsics": intrinsics.tolist(), "extrinsics": pose.tolist()}


def rlbench_rows(frames):
    """(4 frames - 3, 8): every fourth row is one of `made.actions`, the others must not be read."""
    rows = np.full((4 * frames - 3, 8), 7.0)
    actions = made.actions(frames)
    rows[::4, :3] = actions[:, :3]
    rows[::4, 3:7] = Rotation.from_euler("xyz", actions[:, 3:6]).as_quat()
    rows[::4, 7] = actions[:, 6]
    return rows


@pytest.fixture
def rlbench(tmp_path):
    """Two tasks with an episode each; the second camera moves and has fewer entries than frames."""
    root = tmp_path / "rlbench"
    for task in ("close_box", "open_drawer"):
        variation = root / task / "variation0"
        episode = variation / "episodes" / "episode0"
        for view in range(2):
            write_pictures(episode / f"view{view}" / "rgb" / "video.mp4", 10, view)
            times = range(8) if view == 1 else [0]
            cameras = {f"{time:04d}": json_camera(view, time, mirrored=True) for time in times}
            (episode / f"view{view}" / "camera_params.json").write_text(json.dumps(cameras))
        np.save(episode / "actions.npy", rlbench_rows(10))
        np.save(episode / "key_frames.npy", np.array([3, 9]))
        (variation / "variation_descriptions.pkl").write_bytes(pickle.dumps([f"do {task}", f"please do {task}"]))
    return root


def test_rlbench_is_read_as_released(rlbench):
    opened = data.open(rlbench)
    assert len(opened) == 2
    assert opened.episodes[0].texts == ["do close_box", "please do close_box"]
    sample = opened[1]
    assert "open_drawer" in sample.text
    np.testing.assert_array_equal(sample.video, np.stack([made.pictures(10, HEIGHT, WIDTH, v) for v in range(2)]))
    np.testing.assert_allclose(sample.actions, made.actions(10), atol=1e-9)
    assert sample.rig.intrinsics[0, 0, 0, 0] < 0
    assert sample.rig.frames == 10
    expected = made.camera(HEIGHT, WIDTH, 1, 7).world_from_camera[:3, 3]  # its last entry
    np.testing.assert_allclose(sample.rig.camera(1, 9).world_from_camera[:3, 3], expected)


def test_actions_past_their_end_are_the_last_one(rlbench):
    file = rlbench / "close_box" / "variation0" / "episodes" / "episode0" / "actions.npy"
    np.save(file, rlbench_rows(6).astype(np.float32))
    actions = data.open(rlbench)[0].actions
    np.testing.assert_allclose(actions[:6], made.actions(6), atol=1e-6)
    np.testing.assert_allclose(actions[6:], np.repeat(actions[5:6], 4, axis=0))


class Dangerous:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps(Dangerous()), "list of texts"),
        (pickle.dumps({"a": 1}), "list of texts"),
        (pickle.dumps([1, 2]), "list of texts"),
        (pickle.dumps(["cut"])[:-4], "variation_descriptions"),
        (b"", "variation_descriptions"),
    ],
)
def test_descriptions_are_read_and_never_executed(rlbench, capsys, content, says):
    (rlbench / "close_box" / "variation0" / "variation_descriptions.pkl").write_bytes(content)
    with pytest.raises(FormatError, match=says):
        data.open(rlbench)[0]
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("actions.npy", None, "actions.npy"),
        ("actions.npy", b"\x93NUMPY", "actions.npy"),
        ("actions.npy", np.zeros((9, 7)), r"\(T >= 1, 8\)"),
        ("actions.npy", np.array(["a"] * 8, dtype=object), "actions.npy"),
        ("actions.npy", np.zeros((37, 8)), "quaternion"),
        ("view1/camera_params.json", b"{}", "camera_params.json"),
        ("view1/camera_params.json", None, "camera_params.json"),
        ("view0/rgb/video.mp4", b"not a video", "video.mp4"),
        ("view0/rgb/video.mp4", None, "video.mp4"),
    ],
)
def test_a_damaged_episode_of_rlbench_names_the_file(rlbench, name, content, says):
    file = rlbench / "close_box" / "variation0" / "episodes" / "episode0" / name
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content, allow_pickle=True)
    opened = data.open(rlbench)
    with pytest.raises(FormatError, match=says) as raised:
        opened[0]
    assert "close_box" in str(raised.value)
    assert opened[1].video.shape[0] == 2


def test_an_array_that_claims_to_be_huge_is_refused_before_memory_is_taken(rlbench):
    file = rlbench / "close_box" / "variation0" / "episodes" / "episode0" / "actions.npy"
    true, claimed = b"(37, 8), }", b"(99999999, 99999999), }"
    padding = b" " * (len(claimed) - len(true))
    content = file.read_bytes()
    assert true + padding in content
    file.write_bytes(content.replace(true + padding, claimed))
    with pytest.raises(FormatError, match="actions.npy"):
        data.open(rlbench)[0]


def write_droid(root, name, *, gripper, frames=10, poses=None, serials=None, shift=0.0):
    """One episode; its cameras in the robot's frame go into `poses`, and those of camera.json are relative to the first."""
    episode = root / name
    cameras = {}
    first = np.linalg.inv(made.camera(HEIGHT, WIDTH, 0).world_from_camera)
    for view in range(2):
        write_pictures(episode / "video" / f"ext{view + 1}.mp4", frames, view)
        pose = first @ np.array(made.camera(HEIGHT, WIDTH, view).world_from_camera)
        pose[1, 3] += shift * view
        cameras[f"ext{view + 1}"] = {**json_camera(view), "extrinsics": pose.tolist()}
    (episode / "camera.json").write_text(json.dumps(cameras))
    (episode / "instruction.txt").write_text("put the cup away\nsecond line\n")
    arrays = {"action": made.actions(frames)[:, :6]}
    if gripper is not None:
        arrays["gripper"] = gripper
    np.savez_compressed(episode / "action.npz", **arrays)
    if poses is not None:
        serials[name] = {"ext1_cam_serial": "1001", "ext2_cam_serial": "1002"}
        poses[name] = {
            f"100{view + 1}": [*np.array(made.camera(HEIGHT, WIDTH, view).world_from_camera)[:3, 3], 0, 0, 0]
            for view in range(2)
        }


@pytest.fixture
def droid(tmp_path):
    poses, serials = {}, {}
    root = tmp_path / "droid"
    write_droid(root / "processed", "a", gripper=np.linspace(-0.1, 1.2, 10), poses=poses, serials=serials)
    write_droid(root / "processed", "b", gripper=None, poses=poses, serials=serials)
    write_droid(root / "processed", "c", gripper=None)
    write_droid(root / "processed", "d", gripper=None, poses=poses, serials=serials, shift=0.2)
    (root / "cam2base_extrinsic_superset.json").write_text(json.dumps(poses))
    (root / "camera_serials.json").write_text(json.dumps(serials))
    return root


def test_droids_gripper_is_read_the_right_way_round(droid):
    opened = data.open(droid)
    sample = opened[0]
    assert sample.text == "put the cup away"
    np.testing.assert_allclose(sample.actions[:, 6], 1 - np.linspace(-0.1, 1.2, 10).clip(0, 1))
    np.testing.assert_allclose(sample.actions[:, :6], made.actions(10)[:, :6])
    np.testing.assert_allclose(sample.rig[1].world_from_camera, made.camera(HEIGHT, WIDTH, 1).world_from_camera)
    assert opened.notices == []
    assert (opened[1].actions[:, 6] == 1).all()
    assert any("gripper" in notice for notice in opened.notices)


def test_actions_are_left_out_where_the_robots_frame_is_not_known(droid):
    opened = data.open(f"droid:{droid}")
    assert opened[2].actions is None
    assert any("cam2base_extrinsic_superset.json" in notice for notice in opened.notices)
    kept = data.open(f"droid:{droid}?keep_actions=1")
    assert kept[2].actions.shape == (10, 7)


def test_clips_of_droid_take_every_fourth_frame(droid):
    assert data.open(droid).episodes[0].interval == 4
    sample = data.open(droid, frames=2, size=(24, 32), views=1)[0]
    assert sample.interval == 4


def test_the_calibrations_residual_rejects_an_episode(droid):
    strict = data.open(f"droid:{droid}?max_residual=0.02")
    assert strict[0].actions is not None
    with pytest.raises(FormatError, match="residual of the calibration: expected at most 0.02"):
        strict[3]
    report = data.check_source(strict)
    assert [(bad["name"].endswith("d"), bad["rejected"]) for bad in report["bad"]] == [(True, True)]
    with pytest.raises(FormatError, match="base"):
        data.open(f"droid:{droid}?max_jump=0.001")[0]
    with pytest.raises(ValueError, match="options that the kind has"):
        data.open(f"droid:{droid}?residual=1")


@pytest.fixture
def bridge(tmp_path):
    root = tmp_path / "bridge"
    for name in ("0", "1"):
        extrinsics, intrinsics = [], []
        for view in range(2):
            write_pictures(root / name / "video" / f"{view}.mp4", 6, view)
            camera = made.camera(HEIGHT, WIDTH, view)
            extrinsics.append(np.linalg.inv(camera.world_from_camera)[:3])
            intrinsics.append(camera.intrinsics)
        (root / name / "vggt" / "0").mkdir(parents=True)
        np.save(root / name / "vggt" / "0" / "extrinsic.npy", np.array(extrinsics, dtype=np.float32))
        np.save(root / name / "vggt" / "0" / "intrinsic.npy", np.array(intrinsics, dtype=np.float32))
        (root / name / "instruction.txt").write_text("one\n\ntwo\n")
    return root


def test_bridge_has_mirrored_cameras_and_no_actions(bridge):
    opened = data.open(bridge)
    assert opened.episodes[0].texts == ["one", "two"]
    sample = opened[0]
    assert sample.actions is None
    expected = made.camera(HEIGHT, WIDTH, 1).mirrored()
    np.testing.assert_allclose(sample.rig[1].intrinsics, expected.intrinsics, rtol=1e-6)
    np.testing.assert_allclose(sample.rig[1].world_from_camera, expected.world_from_camera, atol=1e-6)
    np.testing.assert_array_equal(sample.video[1], made.pictures(6, HEIGHT, WIDTH, 1))


def test_a_video_of_bridge_without_a_camera_is_named(bridge):
    (bridge / "0" / "video" / "1.mp4").rename(bridge / "0" / "video" / "7.mp4")
    with pytest.raises(FormatError, match=r"7\.mp4"):
        data.open(bridge)[0]


def test_checking_counts_what_is_there_and_names_what_is_bad(rlbench):
    (rlbench / "close_box" / "variation0" / "episodes" / "episode0" / "actions.npy").unlink()
    report = data.check_source(rlbench, threads=2)
    assert report["episodes"] == 2 and report["frames"] == 10 and report["with_actions"] == 1
    assert report["seconds"] == pytest.approx(0.5)
    assert sum(report["openness"]) == 10
    assert report["view_counts"] == {2: 1} and report["view_sizes"] == {"view0 24 x 32": 1, "view1 24 x 32": 1}
    assert report["seen"] == 10
    assert len(report["bad"]) == 1 and "actions.npy" in report["bad"][0]["reason"]


def test_layouts_are_written_natively_and_read_again_equal(rlbench, droid, bridge, tmp_path):
    for number, folder in enumerate((rlbench, droid, bridge)):
        source = data.open(folder)
        data.write_native(source, tmp_path / f"native{number}", lossless=True)
        copy = data.open(tmp_path / f"native{number}")
        assert len(copy) == len(source)
        for one, other in zip(source, copy):
            np.testing.assert_array_equal(one.video, other.video)
            assert one.text == other.text and one.rig.names == other.rig.names
            np.testing.assert_array_equal(one.rig.world_from_camera, other.rig.world_from_camera)
            assert (one.actions is None) == (other.actions is None)
            if one.actions is not None:
                np.testing.assert_array_equal(one.actions, other.actions)
        assert copy.episodes[0].interval == source.episodes[0].interval
