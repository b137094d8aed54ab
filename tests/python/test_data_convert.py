# SPDX-License-Identifier: Apache-2.0
"""`action-images convert` of recordings and data sets: what it makes of them, and how it refuses."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")
pytest.importorskip("pyarrow", reason="LeRobot data sets need pyarrow")

import small_data
import tiny_vggt
from action_images.data import open as open_data
from action_images.model import estimate_scene
from test_data_raw import RIG, write_demo, write_trajectory


@pytest.fixture
def bridge(tmp_path):
    for number in range(2):
        write_trajectory(tmp_path / f"raw/traj{number}", 8 + number, number)
    RIG.save(tmp_path / "rig.json")
    return tmp_path / "raw"


def test_recordings_of_bridge_become_a_native_data_set(command_line, bridge, tmp_path):
    result = command_line("convert", bridge, tmp_path / "out", "--rig", tmp_path / "rig.json", "--lossless")
    assert result.code == 0 and "out: 2 episodes" in result.out
    sample = open_data(str(tmp_path / "out"))[1]
    assert sample.text == "put the pot on the stove" and sample.video.shape == (2, 9, *small_data.SIZE, 3)
    assert np.allclose(sample.actions[:, :3], small_data.actions(9, 1)[:, :3])


def test_recordings_of_rlbench_become_a_lerobot_data_set(command_line, tmp_path):
    write_demo(tmp_path / "raw/open_drawer/variation0/episodes/episode0", 9)
    options = ("--layout", "lerobot", "--size", 32, 32, "--views", "wrist", "--quiet")
    result = command_line("convert", tmp_path / "raw", tmp_path / "out", *options)
    assert result.code == 0 and result.out == ""
    sample = open_data(f"lerobot:{tmp_path / 'out'}")[0]
    assert sample.video.shape == (1, 9, 32, 32, 3) and sample.rig.is_moving
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["fps"] == 20


def test_a_data_set_becomes_another_and_the_released_layout(command_line, bridge, tmp_path):
    first = command_line(
        "convert", bridge, tmp_path / "one", "--rig", tmp_path / "rig.json", "--layout", "lerobot", "--lossless"
    )
    second = command_line("convert", f"lerobot:{tmp_path / 'one'}", tmp_path / "two", "--lossless")
    third = command_line("convert", bridge, tmp_path / "three", "--rig", tmp_path / "rig.json", "--layout", "release")
    assert (first.code, second.code, third.code) == (0, 0, 0)
    one, two = open_data(f"lerobot:{tmp_path / 'one'}")[0], open_data(str(tmp_path / "two"))[0]
    assert (
        np.array_equal(one.video, two.video)
        and np.allclose(one.actions, two.actions, atol=1e-12)
        and one.text == two.text
    )
    assert (tmp_path / "three/processed/000001/vggt/0/extrinsic.npy").is_file()


@pytest.mark.filterwarnings("ignore::UserWarning")  # random weights make poor cameras
def test_cameras_of_bridge_are_estimated_for_the_released_layout(command_line, refused, bridge, tmp_path):
    weights = tiny_vggt.write_weights(tmp_path / "vggt.pt", tiny_vggt.steady_tensors())
    options = ("--estimate-cameras", "--vggt", weights)
    result = command_line("convert", bridge, tmp_path / "out", "--layout", "release", *options)
    assert result.code == 0, result.err
    episode = open_data(f"bridge:{tmp_path / 'out'}")[1]
    first = [bridge / f"traj1/images{view}/im_0.jpg" for view in range(2)]
    rig = estimate_scene(first, weights, sizing="release", cache=False).rig
    extrinsic = np.load(tmp_path / "out/processed/000001/vggt/0/extrinsic.npy")
    np.testing.assert_allclose(extrinsic, np.linalg.inv(rig.world_from_camera)[:, :3], atol=1e-5)
    assert not np.any(episode.actions) and episode.text == "put the pot on the stove"
    assert "expected one of them, got both" in refused("convert", bridge, tmp_path / "b", "--rig", tmp_path / "rig.json", *options)


def test_what_cannot_be_converted_is_one_line(refused, bridge, tmp_path):
    assert "rig: expected the cameras" in refused("convert", bridge, tmp_path / "out")
    assert "--size nor --lossless" in refused("convert", bridge, tmp_path / "out", "--layout", "release", "--lossless")
    assert "raw recordings only" in refused("convert", "lerobot:x", tmp_path / "out", "--rig", tmp_path / "rig.json")
    assert "No such file" in refused("convert", tmp_path / "none", tmp_path / "out", "--from", "rlbench")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    options = ("--rig", tmp_path / "rig.json", "--layout", "lerobot")
    assert "expected a new or empty folder" in refused("convert", bridge, tmp_path / "full", *options)
    assert "expected a name that ends with .safetensors" in refused("convert", "weights.pth", tmp_path / "out.bin")
