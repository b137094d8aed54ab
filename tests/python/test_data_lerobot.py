# SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets: what is written is read again, v2.1 and v3.0 are told apart, damage is named."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")
pytest.importorskip("pyarrow", reason="LeRobot data sets need pyarrow")

import pyarrow
import pyarrow.parquet
import small_data
from action_images import Rig, convert_actions, encode
from action_images.data import open as open_data
from action_images.data.lerobot import LeRobotEpisodes
from action_images.data.lerobot_write import write_lerobot
from action_images.model import read_video, write_video
from scipy.spatial.transform import Rotation

STATE = "observation.state"


def calibration(root):
    return root / "meta/calibration.json"


def edit_json(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.fixture(scope="module")
def episodes():
    return [
        small_data.episode(9, 0),
        small_data.episode(5, 1, moving=True, text="open the drawer"),
        small_data.episode(7, 2),
    ]


@pytest.fixture(scope="module")
def written(episodes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lerobot") / "set"
    write_lerobot(episodes, folder, lossless=True)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "set")


def same_camera(a, b):
    return np.array_equal(a.intrinsics, b.intrinsics) and np.allclose(
        a.world_from_camera, b.world_from_camera, atol=1e-12
    )


def test_what_is_written_is_read_again_equal(episodes, written):
    read = LeRobotEpisodes(written)
    assert len(read) == 3
    for got, want in zip(read, episodes):
        assert got.texts == want.texts and got.frames == want.frames and got.frame_rate == want.frame_rate
        assert np.allclose(got.actions, want.actions, atol=1e-12)
        assert [view.name for view in got.views] == ["front", "side"]
        for view, wanted in zip(got.views, want.views):
            assert len(view.cameras) == len(wanted.cameras)
            assert all(map(same_camera, view.cameras, wanted.cameras))
            every = list(range(want.frames))
            assert np.array_equal(
                view.pictures.read(every, *small_data.SIZE), wanted.pictures.read(every, *small_data.SIZE)
            )


def test_a_spec_opens_it_and_samples_are_whole_episodes(written, episodes):
    data = open_data(f"lerobot:{written}")
    sample = data[1]
    assert len(data) == 3 and sample.text == "open the drawer"
    assert sample.video.shape == (2, 5, *small_data.SIZE, 3) and sample.rig.is_moving
    assert np.allclose(sample.actions, episodes[1].actions, atol=1e-12)


def test_action_images_are_videos_of_their_own(written, episodes):
    video = read_video(written / "videos/action_images.front/chunk-000/file-000.mp4")
    assert len(video) == 9 + 5 + 7
    want = encode(episodes[2].actions, Rig([episodes[2].views[0].cameras[0]]))[0]
    assert np.array_equal(video[14:], want)
    info = json.loads((written / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0" and info["total_frames"] == 21 and info["total_tasks"] == 2
    assert info["features"]["action_images.side"]["shape"] == [*small_data.SIZE, 3]


def test_rows_are_what_lerobot_expects(written, episodes):
    rows = pyarrow.parquet.read_table(written / "data/chunk-000/file-000.parquet").to_pydict()
    assert rows["index"] == list(range(21)) and rows["episode_index"] == [0] * 9 + [1] * 5 + [2] * 7
    assert rows["frame_index"][9:14] == [0, 1, 2, 3, 4] and rows["task_index"][9] == 1 and rows["task_index"][14] == 0
    assert np.allclose(rows["timestamp"][:9], np.arange(9) / 10)
    assert np.allclose(rows["action"][0], rows[STATE][1], atol=1e-6) and np.allclose(
        rows["action"][8], rows[STATE][8], atol=1e-6
    )
    table = pyarrow.parquet.read_table(written / "meta/episodes/chunk-000/file-000.parquet").to_pydict()
    assert table["videos/observation.images.front/from_timestamp"] == [0.0, 0.9, 1.4]
    assert table["dataset_from_index"] == [0, 9, 14] and table["length"] == [9, 5, 7]
    pandas = pytest.importorskip("pandas")
    tasks = pandas.read_parquet(written / "meta/tasks.parquet")
    assert list(tasks.index) == ["move the block", "open the drawer"] and list(tasks.task_index) == [0, 1]


def test_statistics_are_those_of_all_rows_and_pixels(written, episodes):
    stats = json.loads((written / "meta/stats.json").read_text())
    actions = np.concatenate([episode.actions for episode in episodes])
    state = stats[STATE]
    assert np.allclose(state["mean"], actions.mean(0)) and np.allclose(state["std"], actions.std(0))
    assert (
        np.allclose(state["min"], actions.min(0))
        and np.allclose(state["max"], actions.max(0))
        and state["count"] == [21]
    )
    every = np.concatenate([e.views[0].pictures.read(list(range(e.frames)), *small_data.SIZE) for e in episodes]) / 255
    pictures = stats["observation.images.front"]
    assert np.allclose(np.ravel(pictures["mean"]), every.mean((0, 1, 2))) and np.allclose(
        np.ravel(pictures["std"]), every.std((0, 1, 2))
    )
    assert np.shape(pictures["max"]) == (3, 1, 1) and pictures["count"] == [21]


def test_small_shards_hold_the_same_episodes(tmp_path, episodes):
    write_lerobot(episodes, tmp_path / "set", lossless=True, video_bytes=0, data_bytes=0)
    assert len(list((tmp_path / "set/videos/observation.images.front/chunk-000").iterdir())) == 3
    assert len(list((tmp_path / "set/data/chunk-000").iterdir())) == 3
    read = LeRobotEpisodes(tmp_path / "set")
    for got, want in zip(read, episodes):
        assert np.allclose(got.actions, want.actions, atol=1e-12)
        assert np.array_equal(
            got.views[0].pictures.read([0], *small_data.SIZE), want.views[0].pictures.read([0], *small_data.SIZE)
        )


def test_pictures_are_resized_with_their_cameras(tmp_path, episodes):
    write_lerobot(episodes[:1], tmp_path / "set", size=(32, 32))
    view = LeRobotEpisodes(tmp_path / "set")[0].views[0]
    assert same_camera(view.cameras[0], episodes[0].views[0].cameras[0].center_crop_resize(32, 32))


def test_videos_without_actions_have_no_action_images(tmp_path):
    write_lerobot([small_data.episode(4, with_actions=False)], tmp_path / "set")
    read = LeRobotEpisodes(tmp_path / "set")
    assert read[0].actions is None and not (tmp_path / "set/videos/action_images.front").exists()


def test_views_without_a_name_get_a_number(tmp_path):
    episode = small_data.episode(4)
    nameless = [type(view)(view.cameras, view.pictures) for view in episode.views]
    write_lerobot([type(episode)(nameless, actions=episode.actions, frame_rate=10.0)], tmp_path / "set")
    read = LeRobotEpisodes(tmp_path / "set")[0]
    assert [view.name for view in read.views] == ["view_0", "view_1"] and read.texts == [""]


def test_episodes_that_differ_from_the_first_are_refused_and_nothing_stays(tmp_path, episodes):
    for other, expected in [
        (small_data.episode(4, frame_rate=30.0), "expected 10 frames per second as in the first episode, got 30"),
        (small_data.episode(4, with_actions=False), "expected actions as in the first episode"),
        (small_data.episode(4, size=(24, 32)), "expected front of (48, 64) px (or the option size)"),
    ]:
        with pytest.raises(ValueError, match="episode 0") as error:
            write_lerobot([episodes[0], other], tmp_path / "set")
        assert expected in str(error.value) and not list(tmp_path.iterdir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(ValueError, match="expected a new or empty folder"):
        write_lerobot(episodes, tmp_path / "full")


def test_the_frame_rate_must_be_known(tmp_path):
    unknown = small_data.episode(4, frame_rate=0.0)
    with pytest.raises(ValueError, match="fps: expected above 0"):
        write_lerobot([unknown], tmp_path / "set")
    assert write_lerobot([unknown], tmp_path / "set", fps=12.5)["fps"] == 12.5


def version_2(root, episodes):
    """Writes episodes as LeRobot v2.1 did: a parquet file and videos of their own for each, quaternions scalar first."""
    features = {
        f"observation.images.{name}": {"dtype": "video", "shape": [*small_data.SIZE, 3]} for name in small_data.NAMES
    }
    names = ["x", "y", "z", "qw", "qx", "qy", "qz"]
    features["observation.pose"] = {"dtype": "float32", "shape": [7], "names": {"axes": names}}
    features["observation.gripper"] = {"dtype": "float32", "shape": [1], "names": None}
    info = {"codebase_version": "v2.1", "fps": 10, "chunks_size": 2, "features": features}
    info["data_path"] = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    info["video_path"] = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    (root / "meta").mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    lines = [{"episode_index": n, "tasks": e.texts, "length": e.frames} for n, e in enumerate(episodes)]
    (root / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for number, episode in enumerate(episodes):
        rows = convert_actions(episode.actions, target="quaternion")
        pose = np.concatenate([rows[:, :3] * 1000, np.roll(rows[:, 3:7], 1, axis=1)], axis=1).astype(np.float32)
        table = {
            "observation.pose": list(pose),
            "observation.gripper": (0.08 * rows[:, 7]).astype(np.float32),
            "frame_index": np.arange(episode.frames),
            "episode_index": np.full(episode.frames, number),
        }
        chunk = f"chunk-{number // 2:03d}"
        (root / f"data/{chunk}").mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table(table), root / f"data/{chunk}/episode_{number:06d}.parquet")
        for view in episode.views:
            place = root / f"videos/{chunk}/observation.images.{view.name}"
            place.mkdir(parents=True, exist_ok=True)
            frames = view.pictures.read(list(range(episode.frames)), *small_data.SIZE)
            write_video(place / f"episode_{number:06d}.mp4", frames, fps=10, crf=0)
    parts = {
        "position": {"feature": "observation.pose", "columns": ["x", "y", "z"], "metres": 0.001},
        "rotation": {"feature": "observation.pose", "columns": [3, 4, 5, 6], "format": "quaternion", "order": "wxyz"},
        "gripper": {"feature": "observation.gripper", "columns": [0], "closed": 0.0, "open": 0.08},
    }
    for view in episodes[0].views:
        Rig([view.cameras[0]]).save(root / f"meta/{view.name}.json")
    document = {"format": "action-images-calibration", "version": 1, "actions": parts}
    document["cameras"] = {"front": "front.json", "observation.images.side": "side.json"}
    calibration(root).write_text(json.dumps(document))


def test_version_2_1_is_read_with_units_orders_and_ranges(tmp_path):
    episodes = [small_data.episode(4, seed) for seed in range(3)]
    version_2(tmp_path / "set", episodes)
    read = LeRobotEpisodes(tmp_path / "set")
    assert len(read) == 3 and read[2].name.endswith("episode 2")
    for got, want in zip(read, episodes):
        assert np.allclose(got.actions[:, :3], want.actions[:, :3], atol=1e-6)
        turn = Rotation.from_euler("xyz", got.actions[:, 3:6]).inv() * Rotation.from_euler("xyz", want.actions[:, 3:6])
        assert turn.magnitude().max() < 1e-5 and np.allclose(got.actions[:, 6], want.actions[:, 6], atol=1e-6)
        assert same_camera(got.views[1].cameras[0], want.views[1].cameras[0])


@pytest.mark.parametrize("form", ["rotation_6d", "matrix", "axis_angle"])
def test_rotations_in_other_formats_and_tool_frames(tmp_path, form):
    episode = small_data.episode(6)
    rotations = Rotation.from_euler("xyz", episode.actions[:, 3:6])
    tool = Rotation.from_euler("x", 180, degrees=True)
    stored = rotations * tool.inv()
    values = {
        "axis_angle": stored.as_rotvec(),
        "matrix": stored.as_matrix().reshape(-1, 9),
        "rotation_6d": stored.as_matrix()[:, :, :2].transpose(0, 2, 1).reshape(-1, 6),
    }[form]
    version_2(tmp_path / "set", [episode])
    path = tmp_path / "set/data/chunk-000/episode_000000.parquet"
    table = pyarrow.parquet.read_table(path).append_column("tool", pyarrow.array(list(values)))
    pyarrow.parquet.write_table(table, path)
    edit_json(
        tmp_path / "set/meta/info.json",
        lambda info: info["features"].update(tool={"dtype": "float64", "shape": [values.shape[1]]}),
    )
    part = {"feature": "tool", "format": form, "tool": tool.as_matrix().tolist()}
    edit_json(calibration(tmp_path / "set"), lambda document: document["actions"].update(rotation=part))
    got = Rotation.from_euler("xyz", LeRobotEpisodes(tmp_path / "set")[0].actions[:, 3:6])
    assert (got.inv() * rotations).magnitude().max() < 1e-6


def test_without_a_calibration_the_error_says_what_to_write(copy):
    calibration(copy).unlink()
    with pytest.raises(
        ValueError,
        match="calibration.json: expected the cameras of 'observation.images.front', 'observation.images.side'",
    ):
        LeRobotEpisodes(copy)


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda d: d.pop("actions"), 'expected "actions" that say which features are position, rotation and gripper'),
        (lambda d: d["cameras"].update({"observation.images.top": None}), "expected keys among"),
        (
            lambda d: d["cameras"]["observation.images.front"]["views"][0].pop("width"),
            'cameras.observation.images.front: views[0]: expected an object with "width"',
        ),
        (
            lambda d: d["actions"]["gripper"].update(columns=["grip"]),
            "actions.gripper.columns: expected 0..6 or a name (x, y, z, ex, ey, ez, openness), got 'grip'",
        ),
        (
            lambda d: d["actions"]["rotation"].update(format="rpy"),
            "actions.rotation.format: expected euler or quaternion",
        ),
        (
            lambda d: d["actions"]["rotation"].update(tool=[[1, 0, 0], [0, 1, 0], [0, 0, -1]]),
            "tool: expected a 3x3 rotation",
        ),
        (lambda d: d["actions"]["position"].update(feature="state"), "expected the feature 'state', got"),
        (
            lambda d: d["cameras"].update({"observation.images.front": "../../front.json"}),
            "expected a file beside calibration.json",
        ),
    ],
)
def test_a_wrong_calibration_is_named(copy, change, expected):
    edit_json(calibration(copy), change)
    with pytest.raises(ValueError) as error:
        LeRobotEpisodes(copy)
    assert expected in str(error.value)


def test_a_camera_that_is_missing_or_left_out(copy):
    edit_json(calibration(copy), lambda d: [d.pop("episode_files"), d["cameras"].pop("observation.images.side")])
    with pytest.raises(ValueError, match="expected cameras of 'observation.images.side'.*or null to leave it out"):
        LeRobotEpisodes(copy)
    edit_json(calibration(copy), lambda d: d["cameras"].update({"side": None}))
    assert [view.name for view in LeRobotEpisodes(copy)[0].views] == ["front"]


def test_damaged_files_are_named(copy):
    data = copy / "data/chunk-000/file-000.parquet"
    table = pyarrow.parquet.read_table(data)
    pyarrow.parquet.write_table(table.slice(0, 20), data)
    read = LeRobotEpisodes(copy)
    assert read[0].frames == 9
    with pytest.raises(ValueError, match="file-000.parquet: expected 7 rows of episode 2, got 6"):
        read[2]
    data.write_bytes(data.read_bytes()[:-20])
    with pytest.raises(ValueError, match="file-000.parquet: expected a readable parquet file"):
        LeRobotEpisodes(copy)[0]
    (copy / "videos/observation.images.side/chunk-000/file-000.mp4").unlink()
    edit_json(calibration(copy), lambda d: d.update(actions=None))
    with pytest.raises(
        ValueError, match="expected the video of observation.images.side of episode 0, got no such file"
    ):
        LeRobotEpisodes(copy)[0]


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda info: info.update(codebase_version="v1.6"), "expected codebase_version v2.x or v3.0, got 'v1.6'"),
        (lambda info: info.update(fps=0), "expected 'fps' above 0"),
        (lambda info: info.update(video_path="/etc/{video_key}"), "expected paths inside the data set"),
        (lambda info: info.update(data_path="data/../../{chunk_index}"), "expected paths inside the data set"),
        (lambda info: info.update(data_path="{chunk_index:1000000000d}"), "expected {name} or {name:03d}"),
        (lambda info: info.update(data_path="{file_index.__class__}"), "expected {name} or {name:03d}"),
    ],
)
def test_a_wrong_info_is_named(copy, change, expected):
    edit_json(copy / "meta/info.json", change)
    with pytest.raises(ValueError) as error:
        LeRobotEpisodes(copy)[0]
    assert expected in str(error.value)


def test_columns_of_other_types_and_sizes_are_refused(copy):
    data = copy / "data/chunk-000/file-000.parquet"
    table = pyarrow.parquet.read_table(data)
    place = table.column_names.index(STATE)
    for column, expected in [
        (pyarrow.array([[0.0] * (3 + row % 2) for row in range(21)]), "expected rows of one size"),
        (pyarrow.array([[0.0] * 3] * 21), "expected 6 columns of observation.state, got 3"),
        (pyarrow.array([None, *[[0.0] * 7] * 20]), "expected numbers in every row, got an empty one"),
        (pyarrow.array([[float("nan")] * 7] * 21), "actions"),
    ]:
        pyarrow.parquet.write_table(table.set_column(place, STATE, column), data)
        with pytest.raises(ValueError) as error:
            LeRobotEpisodes(copy)[0]
        assert expected in str(error.value)


def test_the_fingerprint_changes_with_the_calibration(copy):
    before = LeRobotEpisodes(copy).fingerprint
    assert before == LeRobotEpisodes(copy).fingerprint
    edit_json(calibration(copy), lambda d: d["cameras"].update(side=None))
    assert LeRobotEpisodes(copy).fingerprint != before
