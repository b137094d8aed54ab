# SPDX-License-Identifier: Apache-2.0
"""Scenes in files: points as PLY, everything as .glb, rollouts read back from their folder."""

import builtins
import json
import re
import struct

import numpy as np
import pytest
import tiny_world

import action_images as aim
from action_images.point_cloud import PointCloud
from action_images.presentation import RolloutRecord, save_rollout
from action_images.presentation.geometry import blue_to_red
from action_images.presentation.point_cloud_file import read_ply, trajectory_cloud, write_ply
from action_images.presentation.saved import load_rollout
from action_images.presentation.scene_frame import middle_of, size_of, up_of
from action_images.presentation.scene_glb import SceneOptions, glb_bytes, write_glb

trimesh = pytest.importorskip("trimesh")

FRAMES, SIZE = tiny_world.FRAMES, tiny_world.SIZE
Y_UP_FROM_Z_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def cloud(count=20, confidence=True):
    random = np.random.default_rng(3)
    points, colors = random.normal(size=(count, 3)), random.integers(0, 256, (count, 3))
    return PointCloud(points, colors, random.uniform(size=count) if confidence else None)


def rollout(**changes):
    video = np.stack(tiny_world.pictures(FRAMES))
    values = {
        "video": video, "action_images": video[:, ::-1], "actions": tiny_world.actions(), "rig": tiny_world.rig(),
        "confidence": np.linspace(0.5, 1, FRAMES), "settings": {"task": "i2va", "prompt": "reach", "seed": 3, "steps": 2},
        "timings": {"total": 1.25}, "goal": [0.1, 0, 0.05], "blocks": [{"color": "red", "center": [0.1, 0, 0.025]}],
        "scene": cloud(),
    }  # fmt: skip
    return {**values, **changes}


def moving_rig():
    poses = [[tiny_world.camera_at((0.6 - 0.02 * t, 0.5 - view, 0.6)) for t in range(FRAMES)] for view in range(2)]
    return aim.Rig(poses)


def tree_of(content):
    """The JSON and the binary chunk of a .glb file."""
    magic, version, length, json_length = struct.unpack_from("<4sIII", content)
    assert magic == b"glTF" and version == 2 and length == len(content)
    return json.loads(content[20 : 20 + json_length]), content[28 + json_length :]


def nodes_of(content):
    return {node["name"]: node for node in tree_of(content)[0]["nodes"]}


# points


@pytest.mark.parametrize("confidence", [True, False])
def test_a_point_cloud_is_read_as_it_was_written(tmp_path, confidence):
    written = cloud(confidence=confidence)
    write_ply(tmp_path / "a.ply", written)
    read = read_ply(tmp_path / "a.ply")
    assert np.array_equal(read.points, written.points) and np.array_equal(read.colors, written.colors)
    assert np.array_equal(read.confidence, written.confidence) if confidence else read.confidence is None
    assert (tmp_path / "a.ply").read_bytes().startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert [file.name for file in tmp_path.iterdir()] == ["a.ply"]


def test_points_of_other_programs_are_read_without_colours_and_with_faces(tmp_path):
    header = "ply\nformat ascii 1.0\nelement vertex 3\nproperty double x\nproperty double y\nproperty double z\n"
    (tmp_path / "a.ply").write_text(header + "end_header\n0 0 0\n1 0 0\n0 1 0.5\n")
    assert np.array_equal(read_ply(tmp_path / "a.ply").points, np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0.5]]))
    faces = "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0.5\n3 0 1 2\n"
    (tmp_path / "b.ply").write_text(header + faces)
    read = read_ply(tmp_path / "b.ply")
    assert len(read) == 3 and (read.colors == 200).all() and read.confidence is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"ply",
        lambda content: content[:100],
        lambda content: content[:-5],
        lambda content: content.replace(b"vertex 20", b"vertex 9999999999999"),
        lambda content: content.replace(b"float x", b"float q"),
        lambda content: b"no points at all " * 20,
        lambda content: b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n",
    ],
)
def test_a_damaged_ply_file_is_named(tmp_path, damage):
    write_ply(tmp_path / "a.ply", cloud())
    (tmp_path / "bad.ply").write_bytes(damage((tmp_path / "a.ply").read_bytes()))
    with pytest.raises(aim.FormatError, match=re.escape(f"{tmp_path / 'bad.ply'}: expected a readable PLY file with points")):
        read_ply(tmp_path / "bad.ply")
    with pytest.raises(aim.FormatError, match="nowhere.ply: expected .* got No such file"):
        read_ply(tmp_path / "nowhere.ply")


def test_no_points_and_no_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cloud: expected points, got none"):
        write_ply(tmp_path / "a.ply", PointCloud(np.zeros((0, 3)), np.zeros((0, 3))))
    with pytest.raises(ValueError, match="expected a file that can be written"):
        write_ply(tmp_path / "nowhere" / "a.ply", cloud())
    assert not list(tmp_path.iterdir())


def test_a_trajectory_goes_from_blue_to_red_with_points_between_the_frames():
    actions = np.zeros((3, 7))
    actions[:, 0] = [0, 1, 3]
    record = RolloutRecord.of(rollout(video=np.zeros((1, 3, 8, 8, 3), np.uint8), action_images=None, actions=actions,
                                      confidence=[0, 1, 1], rig=None))  # fmt: skip
    path = trajectory_cloud(record, between=1)
    assert np.allclose(path.points[:, 0], [0, 0.5, 1, 2, 3]) and np.allclose(path.confidence, [0, 0.5, 1, 1, 1])
    red, _, blue = path.colors[[0, -1]].astype(int).T
    assert blue[0] > red[0] + 100 and red[1] > blue[1] + 100
    assert np.array_equal(path.colors[[0, -1]], blue_to_red(2))


def test_frames_that_are_not_known_leave_gaps_in_the_trajectory():
    actions = tiny_world.actions(5)
    actions[2] = np.nan
    known = trajectory_cloud(RolloutRecord.of(rollout(actions=actions)), between=4)
    assert len(known) == 2 * 6 and np.isfinite(known.points).all()
    assert len(trajectory_cloud(RolloutRecord.of(rollout(actions=np.full((5, 7), np.nan))))) == 0
    assert len(trajectory_cloud(RolloutRecord.of(rollout(actions=None)))) == 0
    alone = rollout(video=np.zeros((2, 1, SIZE, SIZE, 3), np.uint8), action_images=None, actions=actions[:1], confidence=None)
    assert len(trajectory_cloud(RolloutRecord.of(alone))) == 1


# .glb


def test_a_scene_names_everything_that_is_in_it():
    nodes = nodes_of(glb_bytes(rollout()))
    gripper = {f"gripper/{frame:04d}" for frame in range(FRAMES)}
    cameras = {f"cameras/view_{view}{part}" for view in range(2) for part in ("", "/picture")}
    assert set(nodes) - {"world"} == {"scene", "points", "trajectory", "truth/goal", "truth/block_0"} | gripper | cameras


def test_z_is_up_and_every_position_is_where_it_was():
    record = rollout()
    scene = trimesh.load_scene(trimesh.util.wrap_as_stream(glb_bytes(record)), file_type="glb", process=False)
    for frame, action in enumerate(record["actions"]):
        pose, _ = scene.graph[f"gripper/{frame:04d}"]
        assert np.allclose(pose[:3, 3], Y_UP_FROM_Z_UP @ action[:3], atol=1e-6)
        assert np.allclose(pose[:3, :3], Y_UP_FROM_Z_UP @ aim.rotation_from_euler(action[3:6]), atol=1e-6)
    for view, camera in enumerate(record["rig"]):
        assert np.allclose(scene.graph[f"cameras/view_{view}"][0][:3, :3], Y_UP_FROM_Z_UP @ camera.world_from_camera[:3, :3])
    pose, name = scene.graph["points"]
    placed = scene.geometry[name].vertices @ pose[:3, :3].T + pose[:3, 3]
    assert np.allclose(placed, record["scene"].points @ Y_UP_FROM_Z_UP.T, atol=1e-6)


def test_every_accessor_of_a_scene_is_what_the_file_holds():
    tree, binary = tree_of(glb_bytes(rollout(rig=moving_rig())))
    kinds = {5126: ("<f4", 4), 5125: ("<u4", 4), 5121: ("u1", 1)}
    widths = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
    assert tree["asset"]["version"] == "2.0" and len(binary) >= tree["buffers"][0]["byteLength"]
    for accessor in tree["accessors"]:
        dtype, size = kinds[accessor["componentType"]]
        view = tree["bufferViews"][accessor["bufferView"]]
        begin, count = view.get("byteOffset", 0) + accessor.get("byteOffset", 0), accessor["count"] * widths[accessor["type"]]
        assert begin % size == 0 and count * size <= view["byteLength"] and begin + count * size <= len(binary)
        values = np.frombuffer(binary, dtype, count, begin).reshape(accessor["count"], -1)
        assert np.isfinite(values).all()
        if "min" in accessor:
            assert np.allclose(accessor["min"], values.min(axis=0)) and np.allclose(accessor["max"], values.max(axis=0))
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            counts = {tree["accessors"][index]["count"] for index in primitive["attributes"].values()}
            assert len(counts) == 1 and "min" in tree["accessors"][primitive["attributes"]["POSITION"]]
            assert primitive["material"] < len(tree["materials"])


def test_vertices_have_their_colours_in_linear_light():
    content = glb_bytes(rollout(scene=PointCloud([[0, 0, 0.0]] * 3, [[255, 0, 188], [128, 10, 0], [1, 2, 3]])))
    scene = trimesh.load_scene(trimesh.util.wrap_as_stream(content), file_type="glb", process=False)
    assert scene.geometry["points"].colors[:, :3].tolist() == [[255, 0, 128], [55, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_picture_lies_where_its_pixels_are_seen(sign):
    rig = tiny_world.rig() if sign > 0 else tiny_world.rig().mirrored()
    scene = trimesh.load_scene(trimesh.util.wrap_as_stream(glb_bytes(rollout(rig=rig))), file_type="glb", process=False)
    pose, name = scene.graph["cameras/view_1/picture"]
    plane = scene.geometry[name]
    corners = (plane.vertices @ pose[:3, :3].T + pose[:3, 3]) @ Y_UP_FROM_Z_UP
    pixels = rig[1].project(corners)
    assert np.allclose(pixels, np.column_stack([plane.visual.uv[:, 0], 1 - plane.visual.uv[:, 1]]) * SIZE, atol=1e-2)


def test_a_scene_in_another_unit_looks_the_same():
    def scaled(factor):
        rig = aim.Rig([tiny_world.camera_at(factor * np.array([0.6, y, 0.6])) for y in (0.5, -0.5)])
        actions = tiny_world.actions()
        actions[:, :3] *= factor
        content = glb_bytes(rollout(rig=rig, actions=actions, scene=None, goal=None, blocks=()))
        return trimesh.load_scene(trimesh.util.wrap_as_stream(content), file_type="glb").bounds

    assert np.allclose(scaled(37.0), 37.0 * scaled(1.0), rtol=1e-4)


def test_estimated_cameras_stand_upright_too():
    fixed = np.eye(4)
    for across in (1.0, -1.0):
        fixed[:2, :2] = across * np.eye(2)
        first = aim.Camera(intrinsics=[[across * 30, 0, 16], [0, across * 30, 16], [0, 0, 1]], world_from_camera=fixed, width=SIZE, height=SIZE)
        record = RolloutRecord.of(rollout(rig=[first, first]))
        assert up_of(record).tolist() == [0, -1, 0]
        scene = nodes_of(glb_bytes(record))["scene"]["matrix"]
        assert np.allclose(np.reshape(scene, (4, 4)).T, np.diag([1, -1, -1, 1]))
    assert up_of(RolloutRecord.of(rollout())).tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match=r"up: expected a direction \(3,\)"):
        glb_bytes(rollout(), up=[0, 0, 0])


def test_a_rig_alone_is_a_scene(tmp_path):
    write_glb(tmp_path / "rig.glb", tiny_world.rig(), points=cloud())
    assert set(nodes_of((tmp_path / "rig.glb").read_bytes())) - {"world"} == {"scene", "points", "cameras/view_0", "cameras/view_1"}
    assert {"cameras/view_0/path", "cameras/view_1/path"} <= set(nodes_of(glb_bytes(moving_rig())))
    one = RolloutRecord.of({"video": np.zeros((1, 1, 8, 8, 3), np.uint8), "rig": [tiny_world.rig()[0]]})
    assert size_of(one) == pytest.approx(1.0) and np.isfinite(middle_of(one)).all()


def test_what_is_unknown_is_left_out_of_a_scene():
    actions = tiny_world.actions()
    actions[1] = np.nan
    nodes = nodes_of(glb_bytes(rollout(actions=actions, goal=[np.nan] * 3, rig=None, scene=None)))
    assert "gripper/0001" not in nodes and "gripper/0002" in nodes and "truth/goal" not in nodes
    assert "trajectory" not in nodes_of(glb_bytes(rollout(actions=np.full((FRAMES, 7), np.nan))))
    with pytest.raises(ValueError, match="scene: expected cameras, points or a trajectory that is known, got none"):
        glb_bytes(rollout(rig=None, actions=None, scene=None, goal=None, blocks=()))
    empty = PointCloud(np.zeros((0, 3)), np.zeros((0, 3)))
    assert "points" not in nodes_of(glb_bytes(rollout(scene=empty, rig=None)))
    few = nodes_of(glb_bytes(rollout(), options=SceneOptions(gripper_frames=2, pictures=False, most_points=5)))
    assert sum(name.startswith("gripper/") for name in few) == 2 and "cameras/view_0/picture" not in few
    odd = nodes_of(glb_bytes(rollout(blocks=[{"color": "</script>", "center": [0, 0, 0]}])))
    assert "truth/block_0" in odd


# folders


@pytest.fixture
def saved(tmp_path):
    pytest.importorskip("torch")
    save_rollout(tmp_path / "out", rollout())
    return tmp_path / "out"


def test_a_saved_rollout_is_read_back(saved):
    read, written = load_rollout(saved), RolloutRecord.of(rollout())
    assert {"scene.glb", "scene.ply", "trajectory.ply"} <= {file.name for file in saved.iterdir()}
    for name in ("actions", "confidence", "goal", "instruction", "settings", "timings"):
        assert np.array_equal(getattr(read, name), getattr(written, name)), name
    assert read.video.shape == written.video.shape and read.action_images.shape == written.action_images.shape
    assert np.array_equal(read.cameras[1].world_from_camera, written.cameras[1].world_from_camera)
    assert np.array_equal(read.scene.points, written.scene.points) and read.blocks[0]["color"] == "red"


def test_a_rollout_that_lacks_parts_is_read_back(tmp_path):
    pytest.importorskip("torch")
    unknown = rollout(actions=np.full((FRAMES, 7), np.nan), rig=moving_rig(), scene=None, goal=None, blocks=())
    save_rollout(tmp_path / "moving", unknown)
    read = load_rollout(tmp_path / "moving")
    assert np.isnan(read.actions).all() and np.allclose(read.moving[1][3].world_from_camera, moving_rig().camera(1, 3).world_from_camera)
    save_rollout(tmp_path / "video", {"video": rollout()["video"][:1, :, :31, :29]})
    read = load_rollout(tmp_path / "video")
    assert read.video.shape == (1, FRAMES, 31, 29, 3) and read.actions is None and not read.cameras and not read.has_scene
    still = np.full((2, 1, SIZE, SIZE, 3), 90, np.uint8)
    save_rollout(tmp_path / "still", rollout(video=still))
    read = load_rollout(tmp_path / "still")
    assert read.still and read.video.shape == (2, FRAMES, SIZE, SIZE, 3) and abs(read.video.astype(int) - 90).mean() < 6


def test_a_folder_that_cpp_wrote_is_read_without_cameras(saved):
    record = json.loads((saved / "rollout.json").read_text())
    (saved / "rollout.json").write_text(json.dumps({name: record[name] for name in ("settings", "timings", "confidence")}))
    read = load_rollout(saved)
    assert np.array_equal(read.actions, tiny_world.actions()) and not read.cameras and read.views == 2


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("rollout.json", None, "rollout.json: expected a saved rollout, got No such file"),
        ("rollout.json", b"{", "rollout.json: expected a JSON file"),
        ("rollout.json", b"[" * 100_000, "rollout.json: expected a JSON file"),
        ("rollout.json", b'{"format": "other"}', "expected format action-images-rollout"),
        ("rollout.json", {"shape": {"views": 10**9, "frames": 5}}, "shape: expected 1 to 64 views"),
        ("rollout.json", {"shape": {"views": 2, "frames": 4}}, "expected 4 frames, got 5"),
        ("rollout.json", {"cameras": [{}]}, "cameras: expected cameras as they are saved"),
        ("rollout.json", {"cameras": 3}, "cameras: expected cameras as they are saved"),
        ("rollout.json", {"actions": [["a"]]}, "actions: expected numbers"),
        ("rollout.json", {"actions": [[0.0] * 7]}, r"actions: expected \(5, 7\), got \(1, 7\)"),
        ("rollout.json", {"settings": 3}, "settings: expected a dict, got int"),
        ("rollout.json", {"blocks": [3]}, "blocks: expected color and center"),
        ("view_0_video.mp4", None, "view_0_video.mp4: expected the file that rollout.json lists, got no file"),
        ("view_1_action.mp4", None, "view_1_action.mp4: expected the file that rollout.json lists, got no file"),
        ("scene.ply", None, "scene.ply: expected the file that rollout.json lists, got no file"),
        ("view_1_video.mp4", b"no video", "view_1_video.mp4"),
        ("scene.ply", b"ply", "scene.ply: expected a readable PLY"),
    ],
)
def test_a_damaged_folder_is_named(saved, file, content, message):
    (saved / file).unlink() if content is None else None
    if isinstance(content, dict):
        content = json.dumps({**json.loads((saved / file).read_text()), **content}).encode()
    if content is not None:
        (saved / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_rollout(saved)


def test_saving_without_trimesh_says_what_to_install_before_it_makes_anything(tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.split(".")[0] == "trimesh":
            raise ImportError("No module named 'trimesh'")
        return real(name, *arguments, **options)

    monkeypatch.setattr("importlib.import_module", lambda name: missing(name))
    with pytest.raises(ImportError, match=r"trimesh: expected the package .* pip install 'action-images\[model\]'"):
        save_rollout(tmp_path / "out", rollout(), write_video=lambda *_, **__: None)
    assert not list(tmp_path.iterdir())
