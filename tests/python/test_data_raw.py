# SPDX-License-Identifier: Apache-2.0
"""Raw recordings of RLBench and BridgeData V2: pickles are data, cameras and poses come out in the library's conventions."""

import pickle
import sys
import types
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")

import small_data
from action_images import Rig, convert_actions, load_camera_params
from action_images.data.raw import kind_of_recordings, open_recordings
from action_images.data.release_layout import write_release
from action_images.model import read_video, write_image
from PIL import Image
from scipy.spatial.transform import Rotation

NAMES = ("front", "wrist")


class Demo:
    """Pickled as RLBench's class of that name."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class Observation(Demo):
    """The same."""


Demo.__module__, Observation.__module__ = "rlbench.demo", "rlbench.backend.observation"


def pickled(value):
    """Bytes of a pickle that names RLBench's modules, which are there only while it is made."""
    modules = {name: types.ModuleType(name) for name in ("rlbench", "rlbench.backend")}
    modules["rlbench.demo"] = types.SimpleNamespace(Demo=Demo)
    modules["rlbench.backend.observation"] = types.SimpleNamespace(Observation=Observation)
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps(value)


def camera_of(name, time):
    return small_data.camera(0.4).mirrored() if name == "front" else small_data.camera(1.4 + 0.02 * time).mirrored()


def write_demo(folder, frames=9, seed=0):
    """A demonstration as RLBench saves it."""
    rows = convert_actions(small_data.actions(frames, seed), target="quaternion")
    observations = []
    for time, row in enumerate(rows):
        misc = {"keypoint_idxs": np.array([3, 8])}
        for name in NAMES:
            camera = camera_of(name, time)
            misc[f"{name}_camera_intrinsics"] = camera.intrinsics
            misc[f"{name}_camera_extrinsics"] = camera.world_from_camera.astype(np.float32)
        observations.append(Observation(gripper_pose=row[:7], gripper_open=float(row[7]), misc=misc, front_rgb=None))
    seed_of_rlbench = np.random.RandomState(0).get_state()
    demo = Demo(_observations=observations, random_seed=seed_of_rlbench, variation_number=0)
    for number, name in enumerate(NAMES):
        (folder / f"{name}_rgb").mkdir(parents=True)
        for time, picture in enumerate(small_data.pictures(frames, seed + number)):
            write_image(folder / f"{name}_rgb" / f"{time}.png", picture)
    (folder / "low_dim_obs.pkl").write_bytes(pickled(demo))


@pytest.fixture
def demos(tmp_path):
    root = tmp_path / "raw"
    for number in (0, 2, 10):
        write_demo(root / f"open_drawer/variation0/episodes/episode{number}", 9 + number, number)
    texts = ["open the top drawer", "grip the top handle"]
    (root / "open_drawer/variation0/variation_descriptions.pkl").write_bytes(pickle.dumps(texts))
    return root


def test_demonstrations_of_rlbench_give_poses_cameras_pictures_and_texts(demos):
    assert kind_of_recordings(demos) == "rlbench"
    recordings = open_recordings("rlbench", demos)
    assert [folder.name for folder in recordings.folders] == ["episode0", "episode2", "episode10"]
    episode = recordings[1]
    assert episode.texts == ["open the top drawer", "grip the top handle"] and episode.frames == 11
    want = small_data.actions(11, 2)
    assert np.allclose(episode.actions[:, [0, 1, 2, 6]], want[:, [0, 1, 2, 6]], atol=1e-9)
    turn = Rotation.from_euler("xyz", episode.actions[:, 3:6]).inv() * Rotation.from_euler("xyz", want[:, 3:6])
    assert turn.magnitude().max() < 1e-6
    front, wrist = episode.views
    assert (front.name, wrist.name) == NAMES and len(front.cameras) == 1 and len(wrist.cameras) == 11
    pixels = wrist.cameras[3].project(want[:, :3])
    assert np.allclose(pixels, camera_of("wrist", 3).project(want[:, :3]), atol=1e-3)
    assert np.array_equal(front.pictures.read([10, 0], *small_data.SIZE), small_data.pictures(11, 2)[[10, 0]])


def test_views_are_chosen_and_a_rig_replaces_missing_cameras(demos):
    rig = Rig([small_data.camera(0.4, 96, 128)], names=["front"])
    episode = open_recordings("rlbench", demos, rig=rig, views=["front"])[0]
    assert [view.name for view in episode.views] == ["front"]
    assert np.allclose(episode.views[0].cameras[0].intrinsics, small_data.camera(0.4).intrinsics)
    with pytest.raises(ValueError, match="expected overhead_rgb/, got front, wrist"):
        open_recordings("rlbench", demos, views=["overhead"])[0]


def test_a_demonstration_whose_parts_do_not_fit_is_named(demos):
    folder = demos / "open_drawer/variation0/episodes/episode0"
    (folder / "front_rgb/8.png").unlink()
    with pytest.raises(ValueError, match="front_rgb: expected 9 pictures as observations, got 8"):
        open_recordings("rlbench", demos)[0]
    write_image(folder / "front_rgb/8.png", small_data.pictures(1, size=(8, 8))[0])
    with pytest.raises(
        ValueError, match="8.png: expected a picture \\(48, 64, 3\\) uint8 as the first, got \\(8, 8, 3\\)"
    ):
        open_recordings("rlbench", demos)[0]
    (folder / "low_dim_obs.pkl").write_bytes(pickled(Demo(_observations=[])))
    with pytest.raises(ValueError, match="low_dim_obs.pkl: expected a Demo with observations"):
        open_recordings("rlbench", demos)[0]


class Attack:
    """What a pickle could do if it were executed."""

    def __reduce__(self):
        return print, ("executed",)


def test_a_pickle_that_calls_something_is_refused_and_not_executed(demos, capsys):
    path = demos / "open_drawer/variation0/episodes/episode0/low_dim_obs.pkl"
    path.write_bytes(pickle.dumps([Attack()]))
    with pytest.raises(ValueError, match="low_dim_obs.pkl: expected plain data, got the global builtins print"):
        open_recordings("rlbench", demos)[0]
    assert capsys.readouterr().out == ""


def test_pickles_of_all_protocols_give_what_they_hold(tmp_path):
    from action_images._model import read_pickle_data

    shared = {"a": 1}
    value = {
        "numbers": [0, -1, 255, 2**40, -(2**62), 1.5, float("inf")],
        "flags": [None, True, False],
        "texts": ["", "Küche", b"\xff\x00"],
        "arrays": [
            np.arange(6.0).reshape(2, 3),
            np.asfortranarray(np.eye(3, dtype=">f4")),
            np.array(["ab", "c"]),
            np.zeros((0, 3)),
        ],
        "scalars": [np.float32(0.1), np.bool_(True), np.int16(-3)],
        "twice": [shared, shared],
        3: (1, (2, ())),
    }
    for protocol in (2, 3, 4, 5):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps(value, protocol=protocol))
        read = read_pickle_data(path)
        assert (
            read["numbers"] == value["numbers"] and read["flags"] == value["flags"] and read["texts"] == value["texts"]
        )
        for got, want in zip(read["arrays"] + read["scalars"], value["arrays"] + value["scalars"]):
            assert (got.dtype.kind, got.dtype.itemsize) == (
                want.dtype.kind,
                want.dtype.itemsize,
            ) and got.shape == want.shape
            assert np.array_equal(got, want)
        assert read["twice"][0] is read["twice"][1] and read[3] == [1, [2, []]]
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(value, protocol=0))
    with pytest.raises(ValueError, match="old.pkl: expected a pickle of protocol 2 to 5"):
        read_pickle_data(tmp_path / "old.pkl")


RIG = Rig([small_data.camera(0.4), small_data.camera(1.4)], names=["images0", "images1"])


def states(frames, seed=0):
    """(T, 7) as BridgeData: the arm's poses against the one that points down; gripper 0 closed .. 1 open."""
    actions = small_data.actions(frames, seed)
    rotations = Rotation.from_euler("xyz", actions[:, 3:6]) * Rotation.from_euler("x", 180, degrees=True)
    return np.concatenate([actions[:, :3], rotations.as_euler("xyz"), actions[:, 6:] * 1.02], axis=1)


def write_trajectory(folder, frames=9, seed=0):
    for number in range(2):
        (folder / f"images{number}").mkdir(parents=True)
        for time, picture in enumerate(small_data.pictures(frames, seed + number)):
            Image.fromarray(picture).save(folder / f"images{number}" / f"im_{time}.jpg")
    everything = {
        "full_state": states(frames, seed),
        "time_stamp": list(np.arange(frames) / 5),
        "env_done": [False] * frames,
    }
    (folder / "obs_dict.pkl").write_bytes(pickle.dumps(everything))
    (folder / "policy_out.pkl").write_bytes(pickle.dumps([{"actions": np.zeros(7)}] * (frames - 1)))
    (folder / "lang.txt").write_text("put the pot on the stove\nconfidence: 1\n")


def same_motion(actions, seed, frames):
    want = small_data.actions(frames, seed)
    turn = Rotation.from_euler("xyz", actions[:, 3:6]).inv() * Rotation.from_euler("xyz", want[:, 3:6])
    return np.allclose(actions[:, [0, 1, 2, 6]], want[:, [0, 1, 2, 6]], atol=1e-9) and turn.magnitude().max() < 1e-7


def test_trajectories_of_bridge_get_their_cameras_from_a_rig(tmp_path):
    for number in (0, 1):
        write_trajectory(tmp_path / f"datacol/2022-01-01_00-00-00/raw/traj_group0/traj{number}", 9 + number, number)
    assert kind_of_recordings(tmp_path) == "bridge"
    recordings = open_recordings("bridge", tmp_path, rig=RIG)
    assert len(recordings) == 2
    episode = recordings[1]
    assert episode.texts == ["put the pot on the stove"] and episode.frames == 10 and episode.frame_rate == 5
    assert same_motion(episode.actions, 1, 10)
    assert [view.name for view in episode.views] == ["images0", "images1"]
    with pytest.raises(ValueError, match="rig: expected the cameras, which Bridge's recordings do not hold"):
        open_recordings("bridge", tmp_path)
    other = Rig([small_data.camera(0.4)], names=["over_shoulder"])
    with pytest.raises(ValueError, match="expected pictures of over_shoulder, the rig's views, got images0, images1"):
        open_recordings("bridge", tmp_path, rig=other)[0]


def test_an_out_npy_holds_trajectories(tmp_path):
    trajectories = []
    for seed in range(2):
        rows = states(6, seed)
        views = [small_data.pictures(6, seed + number) for number in range(2)]
        steps = [
            {"images0": views[0][t], "images1": views[1][t], "state": rows[t], "time_stamp": t / 5} for t in range(6)
        ]
        trajectories.append(
            {
                "observations": steps,
                "next_observations": steps[1:],
                "actions": list(rows),
                "terminals": [0] * 6,
                "language": ["fold the cloth"],
            }
        )
    (tmp_path / "train").mkdir()
    np.save(tmp_path / "train/out.npy", np.array(trajectories, dtype=object), allow_pickle=True)
    assert kind_of_recordings(tmp_path) == "bridge"
    recordings = open_recordings("bridge", tmp_path, rig=RIG)
    assert len(recordings) == 2 and recordings[1].texts == ["fold the cloth"]
    assert same_motion(recordings[1].actions, 1, 6)
    assert np.array_equal(recordings[1].views[1].pictures.read([5], *small_data.SIZE)[0], small_data.pictures(6, 2)[5])
    np.save(tmp_path / "train/out.npy", np.zeros(3))
    with pytest.raises(ValueError, match="out.npy: expected an array of objects, got dtype float64"):
        open_recordings("bridge", tmp_path, rig=RIG)
    (tmp_path / "train/out.npy").write_bytes(b"junk")
    with pytest.raises(ValueError, match="out.npy: expected an array of numpy"):
        open_recordings("bridge", tmp_path, rig=RIG)


def test_folders_without_recordings_and_unknown_kinds_are_refused(tmp_path):
    assert kind_of_recordings(tmp_path) is None
    with pytest.raises(ValueError, match="expected demonstrations with a low_dim_obs.pkl, got none"):
        open_recordings("rlbench", tmp_path)
    with pytest.raises(ValueError, match="expected trajectories with a obs_dict.pkl, or out.npy, got none"):
        open_recordings("bridge", tmp_path, rig=RIG)
    with pytest.raises(ValueError, match="kind: expected bridge or rlbench, got 'droid'"):
        open_recordings("droid", tmp_path)


def test_the_released_layout_of_rlbench_has_every_fourth_frame(demos, tmp_path):
    write_release(open_recordings("rlbench", demos), tmp_path / "out", layout="rlbench", crf=0)
    folder = tmp_path / "out/open_drawer/variation0/episodes/episode1"
    rows = np.load(folder / "actions.npy")
    assert rows.shape == (11, 8) and np.allclose(
        convert_actions(rows, source="quaternion")[:, :3], small_data.actions(11, 2)[:, :3]
    )
    video = read_video(folder / "view1/rgb/video.mp4")
    assert video.shape == (3, *small_data.SIZE, 3)
    assert abs(video.astype(float).mean((1, 2, 3)) - small_data.pictures(11, 3)[::4].mean((1, 2, 3))).max() < 2
    rig = load_camera_params([folder / "view1/camera_params.json"], 64, 48)
    point = np.array([[0.0, 0.0, 0.1]])
    assert rig.frames == 3 and np.allclose(
        rig.camera(0, 2).project(point), camera_of("wrist", 8).project(point), atol=1e-3
    )
    texts = pickle.loads((tmp_path / "out/open_drawer/variation0/variation_descriptions.pkl").read_bytes())
    assert texts == ["open the top drawer", "grip the top handle"]


def test_the_released_layout_of_bridge_has_cameras_of_vggt(tmp_path):
    write_trajectory(tmp_path / "raw/traj0")
    write_release(open_recordings("bridge", tmp_path / "raw", rig=RIG.mirrored()), tmp_path / "out", layout="bridge")
    folder = tmp_path / "out/processed/000000"
    extrinsic, intrinsic = (np.load(folder / f"vggt/0/{name}.npy") for name in ("extrinsic", "intrinsic"))
    rig = Rig.from_vggt(extrinsic, intrinsic, width=64, height=48)
    assert all(np.allclose(rig[view].world_from_camera, RIG[view].world_from_camera, atol=1e-9) for view in range(2))
    assert (folder / "instruction.txt").read_text() == "put the pot on the stove\n" and len(
        read_video(folder / "video/1.mp4")
    ) == 9
    with pytest.raises(ValueError, match="expected a new or empty folder"):
        write_release([], tmp_path / "out", layout="bridge")
    with pytest.raises(ValueError, match="expected pinhole cameras that stand still"):
        write_release([small_data.episode(4, moving=True)], tmp_path / "other", layout="bridge")
    assert not (tmp_path / "other").exists()
