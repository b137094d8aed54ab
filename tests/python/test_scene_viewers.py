# SPDX-License-Identifier: Apache-2.0
"""Scenes to look at: turntables without a screen, rerun's recordings and page, the example for Blender, the command line."""

import pathlib
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import tiny_world
from test_scenes import FRAMES, cloud, moving_rig, rollout

import action_images as aim
from action_images.cli import view
from action_images.point_cloud import PointCloud
from action_images.presentation import save_rollout
from action_images.presentation.rerun_log import write_rrd
from action_images.presentation.scene_glb import glb_bytes, write_glb
from action_images.presentation.turntable import Turntable, render_picture, render_turntable

ROOT = pathlib.Path(__file__).parents[2]
SMALL = {"size": (160, 90), "frames": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved rollout."""
    pytest.importorskip("torch")
    pytest.importorskip("trimesh")
    folder = tmp_path_factory.mktemp("saved") / "out"
    save_rollout(folder, rollout())
    return folder


@pytest.fixture
def pyvista():
    return pytest.importorskip("pyvista")


# turntables


def test_a_turntable_goes_round_the_scene(folder, pyvista, tmp_path):
    from action_images.model import read_video

    counted = []
    render_turntable(folder / "scene.glb", tmp_path / "turn.mp4", options=Turntable(**SMALL), progress=counted.append)
    video = read_video(tmp_path / "turn.mp4")
    assert video.shape == (4, 90, 160, 3) and counted == [1] * 4
    changes = [np.abs(video[t].astype(int) - video[t - 1]).mean() for t in range(4)]
    assert min(changes) > 0.3


def test_a_picture_has_the_colours_of_the_points_and_shows_all_of_them(pyvista, tmp_path):
    from PIL import Image

    pytest.importorskip("trimesh")
    colours = [[200, 60, 20], [20, 180, 90], [40, 70, 210], [230, 220, 40]]
    points = PointCloud([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]], colours)
    write_glb(tmp_path / "a.glb", {"video": np.zeros((1, 1, 8, 8, 3), np.uint8), "scene": points})
    render_picture(tmp_path / "a.glb", tmp_path / "a.png", options=Turntable(size=(320, 180), point_size=8, floor=False))
    shown = np.asarray(Image.open(tmp_path / "a.png")).reshape(-1, 3).astype(int)
    for colour in colours:
        assert (np.abs(shown - colour).max(axis=1) <= 3).sum() > 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-7],
        lambda content: b"<html>" + content,
        lambda content: content.replace(b'"POSITION":', b'"POSITIOM":'),
        lambda content: content.replace(b'"bufferView":', b'"bufferVie2":'),
        lambda content: content.replace(b"\x89PNG", b"\x89PNX"),
        lambda content: content.replace(b"IDAT", b"IDAU"),
    ],
)
def test_a_damaged_scene_is_named_and_nothing_is_written(folder, pyvista, tmp_path, damage):
    (tmp_path / "bad.glb").write_bytes(damage((folder / "scene.glb").read_bytes()))
    with pytest.raises(aim.FormatError, match="bad.glb: expected a "):
        render_picture(tmp_path / "bad.glb", tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["bad.glb"]


@pytest.mark.parametrize(
    "option", [{"size": (15, 90)}, {"size": (161, 90)}, {"frames": 0}, {"fps": 0}, {"elevation": 90}, {"azimuth": np.nan}]
)
def test_a_turntable_out_of_range_is_refused(option):
    with pytest.raises(ValueError, match=rf"\[presentation::render\] {next(iter(option))}: expected"):
        Turntable(**option)


def test_where_nothing_can_draw_it_says_what_is_needed(folder, pyvista, tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("no window")

    monkeypatch.setattr(pyvista.Plotter, "import_gltf", broken)
    with pytest.raises(aim.NumericalError, match="window: expected a screen, EGL .* got no window"):
        render_picture(folder / "scene.glb", tmp_path / "a.png")


def test_the_command_renders_a_folder_or_a_file(folder, pyvista, command_line, refused, tmp_path):
    options = ["--size", 160, 90, "--frames", 2]
    shown = command_line("render", folder, "--out", tmp_path / "new/a.mp4", "--picture", tmp_path / "a.png", *options)
    assert shown.code == 0 and shown.out.split() == [str(tmp_path / "new/a.mp4"), str(tmp_path / "a.png")]
    assert "frame 2/2" in shown.err and (tmp_path / "new/a.mp4").stat().st_size > 500
    quiet = command_line("render", folder / "scene.glb", "--picture", tmp_path / "b.png", *options, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert "--out, --picture: expected one of them" in refused("render", folder)
    assert "rollout.json: expected a saved rollout" in refused("render", tmp_path, "--out", tmp_path / "x.mp4")
    assert "size: expected even sides" in refused("render", folder, "--out", tmp_path / "x.mp4", "--size", 161, 90)


def test_ctrl_c_stops_a_turntable_and_leaves_nothing(folder, pyvista, tmp_path):
    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_turntable(folder / "scene.glb", tmp_path / "a.mp4", options=Turntable(**SMALL), progress=stop)
    assert not list(tmp_path.iterdir())


# rerun


def rows_of(path):
    """Entity path -> (frames at which something is logged, or 1, whether that is for all frames), of an .rrd file."""
    reader = pytest.importorskip("rerun.chunk").RrdReader(path)
    frames = {}
    for chunk in reader.stream():
        assert chunk.is_static or chunk.timeline_names == ["frame"]
        logged = [None] if chunk.is_static else chunk.to_record_batch().column("frame").to_pylist()
        frames.setdefault(chunk.entity_path, set()).update(logged)
    return {path: (len(logged), logged == {None}) for path, logged in frames.items()}


def test_a_recording_has_every_entity_at_every_frame(tmp_path):
    pytest.importorskip("rerun")
    counted = []
    write_rrd(tmp_path / "a.rrd", rollout(), progress=counted.append)
    rows = rows_of(tmp_path / "a.rrd")
    for path in ("action_images/view_0", "action_images/view_1", "world/cameras/view_0/video", "world/gripper",
                 "action/position/x", "action/rotation/ez", "action/openness", "action/confidence"):  # fmt: skip
        assert rows[f"/{path}"] == (FRAMES, False), path
    for path in ("world", "world/points", "world/trajectory", "world/cameras/view_0", "world/cameras/view_1", "settings"):
        assert rows[f"/{path}"] == (1, True), path
    assert counted == [1] * FRAMES and [file.name for file in tmp_path.iterdir()] == ["a.rrd"]


def test_a_recording_of_moving_cameras_and_unknown_frames(tmp_path):
    pytest.importorskip("rerun")
    actions = tiny_world.actions()
    actions[2] = np.nan
    write_rrd(tmp_path / "a.rrd", rollout(rig=moving_rig(), actions=actions, scene=None))
    rows = rows_of(tmp_path / "a.rrd")
    assert rows["/world/cameras/view_1"] == (FRAMES, False) and rows["/action/position/x"] == (FRAMES - 1, False)
    assert rows["/world/gripper"] == (FRAMES, False) and "/world/points" not in rows
    write_rrd(tmp_path / "b.rrd", {"video": rollout()["video"][:1]})
    assert set(rows_of(tmp_path / "b.rrd")) >= {"/video/view_0"} and "/world/gripper" not in rows_of(tmp_path / "b.rrd")


def test_a_mirrored_camera_is_recorded_with_positive_focal_lengths(tmp_path):
    pytest.importorskip("rerun")
    matrices = []
    for rig in (tiny_world.rig(), tiny_world.rig().mirrored()):
        write_rrd(tmp_path / "a.rrd", rollout(rig=rig))
        reader = pytest.importorskip("rerun.chunk").RrdReader(tmp_path / "a.rrd")
        for chunk in reader.stream():
            batch = chunk.to_record_batch()
            if chunk.entity_path == "/world/cameras/view_0" and "Pinhole:image_from_camera" in batch.schema.names:
                matrices.append(batch.column("Pinhole:image_from_camera").to_pylist())
    assert len(matrices) == 2 and np.allclose(matrices[0], matrices[1]) and np.min(matrices) >= 0


def test_a_recording_that_cannot_be_written_is_named(tmp_path):
    pytest.importorskip("rerun")
    with pytest.raises(ValueError, match="nowhere/a.rrd: expected a file that can be written"):
        write_rrd(tmp_path / "nowhere" / "a.rrd", rollout())


def test_the_command_saves_a_recording(folder, command_line, refused, tmp_path):
    pytest.importorskip("rerun")
    shown = command_line("view", folder, "--save", tmp_path / "new/a.rrd")
    assert shown.code == 0 and shown.out == f"{tmp_path / 'new/a.rrd'}\n" and f"frame {FRAMES}/{FRAMES}" in shown.err
    assert rows_of(tmp_path / "new/a.rrd")["/world/gripper"] == (FRAMES, False)
    assert "rollout.json: expected a saved rollout" in refused("view", tmp_path, "--save", tmp_path / "b.rrd")


def test_the_page_is_served_until_ctrl_c(folder):
    pytest.importorskip("rerun")
    ports = [str(port) for port in free_ports(2)]
    process = subprocess.Popen(
        [sys.executable, "-m", "action_images", "view", folder, "--serve", "--web-port", ports[0], "--grpc-port", ports[1]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    address = process.stdout.readline()
    try:
        assert address.startswith(f"http://localhost:{ports[0]}/?url=rerun")
        assert b"<html" in urllib.request.urlopen(address.split("?")[0]).read()
        with pytest.raises(ValueError, match=f"port {ports[0]}: expected a free port"):
            view.check_ports(int(ports[0]))
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def free_ports(count):
    import socket

    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@pytest.mark.parametrize("package, command, extra", [("rerun", "view", "view"), ("pyvista", "render", "render")])
def test_a_missing_package_is_named_with_its_extra(folder, refused, monkeypatch, tmp_path, package, command, extra):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    option = "--save" if command == "view" else "--picture"
    message = refused(command, folder, option, tmp_path / "a.png")
    assert f"{package}: expected the package" in message and f"pip install 'action-images[{extra}]'" in message


# Blender


def blender_example(*arguments):
    command = [sys.executable, ROOT / "examples/render_blender.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def test_the_blender_example_says_what_it_needs(folder, tmp_path):
    shown = blender_example(folder / "scene.glb", tmp_path / "a.mp4")
    assert shown.returncode == 2 and "out: expected a .png file" in shown.stderr
    shown = blender_example("--", tmp_path / "nowhere.glb", tmp_path / "a.png")
    assert shown.returncode == 2 and "scene: expected a .glb file" in shown.stderr
    try:
        import bpy  # noqa: F401
    except ImportError:
        shown = blender_example("--", folder / "scene.glb", tmp_path / "a.mp4", "--turntable")
        assert shown.returncode == 1 and "expected to run in Blender" in shown.stderr


def test_the_blender_example_reads_the_points_of_a_scene(monkeypatch, tmp_path):
    pytest.importorskip("trimesh")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import render_blender

    points = cloud(7)
    (tmp_path / "a.glb").write_bytes(glb_bytes(rollout(scene=points)))
    [(read, colours)] = render_blender.read_clouds(tmp_path / "a.glb")
    assert np.allclose(np.stack([read[:, 0], -read[:, 2], read[:, 1]], axis=1), points.points, atol=1e-6)
    assert colours.shape == (7, 4) and 0 <= colours.min() <= colours.max() <= 1


def test_triton_can_be_imported_after_a_scene_was_drawn(tmp_path):
    pytest.importorskip("pyvista")
    pytest.importorskip("triton")
    write_glb(tmp_path / "scene.glb", rollout())
    code = (
        "import sys\n"
        "from action_images.presentation.turntable import Turntable, render_picture\n"
        "render_picture(sys.argv[1], sys.argv[2], options=Turntable(size=(64, 64)))\n"
        "import triton"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "scene.glb", tmp_path / "still.png"], check=True)
