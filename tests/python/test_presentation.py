# SPDX-License-Identifier: Apache-2.0
"""Panels, contact sheets, the report and the folder of a rollout. Videos are written by a stand-in: no torch needed."""

import base64
import csv
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import action_images as aim
from action_images.point_cloud import PointCloud
from action_images.presentation import RolloutRecord, contact_sheet, panel, save_rollout, upscale, write_report
from action_images.presentation.courses import rotation_since_first
from action_images.presentation.figures import CLOUD_POINTS, packed_cloud
from action_images.presentation.mosaic import layout_of, mosaic_frames

VIEWS, FRAMES, HEIGHT, WIDTH = 2, 5, 48, 64


def camera(shift, focal=80.0):
    pose = np.eye(4)
    pose[:3, 3] = [shift, 0.0, -0.8]
    intrinsics = np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])
    return SimpleNamespace(intrinsics=intrinsics, world_from_camera=pose, width=WIDTH, height=HEIGHT)


def rollout(**changes):
    random = np.random.default_rng(0)
    actions = np.zeros((FRAMES, 7))
    actions[:, 0] = np.linspace(-0.1, 0.1, FRAMES)
    actions[:, 6] = 1
    values = dict(
        video=random.integers(0, 256, (VIEWS, FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8),
        action_images=random.integers(0, 256, (VIEWS, FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8),
        actions=actions,
        confidence=np.linspace(0.5, 1, FRAMES),
        points=np.zeros((FRAMES, 3, 3)),
        rig=[camera(-0.2), camera(0.2, -80.0)],
        settings={"task": "i2va", "prompt": "reach the red block", "seed": 3, "steps": np.int64(16)},
        timings={"total": 1.25},
    )
    return SimpleNamespace(**{**values, **changes})


@pytest.fixture
def written():
    """A stand-in for write_video that notes what it was given."""
    videos = {}

    def write_video(path, frames, fps, crf):
        videos[path.name] = frames
        path.write_bytes(b"video")

    write_video.videos = videos
    return write_video


def test_a_panel_is_video_action_and_blend_side_by_side():
    video = np.full((2, 4, 6, 3), 10, np.uint8)
    action = np.full((2, 4, 6, 3), 255, np.uint8)
    shown = panel(video, action)
    assert shown.shape == (2, 4, 18, 3) and shown.dtype == np.uint8
    assert (shown[:, :, :6] == 10).all() and (shown[:, :, 6:12] == 255).all() and (shown[:, :, 12:] == 133).all()


def test_a_panel_of_different_shapes_is_refused():
    with pytest.raises(aim.ShapeError, match=r"action: expected \(2, 4, 6, 3\), got \(3, 4, 6, 3\)"):
        panel(np.zeros((2, 4, 6, 3), np.uint8), np.zeros((3, 4, 6, 3), np.uint8))


@pytest.mark.parametrize(
    "size, factor", [((64, 64), 4), ((48, 64), 6), ((255, 300), 2), ((256, 256), 1), ((600, 500), 1)]
)
def test_upscale_repeats_pixels_by_the_smallest_whole_factor(size, factor):
    frames = np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    large = upscale(frames)
    assert large.shape == (2, size[0] * factor, size[1] * factor, 3)
    assert np.array_equal(large[:, ::factor, ::factor], frames)


def test_a_contact_sheet_shows_every_frame_of_every_view_enlarged():
    record = rollout()
    sheet = contact_sheet(record.video, record.action_images, actions=record.actions, rig=record.rig, title="A title")
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    assert sheet.shape[0] > 6 * 96 and sheet.shape[1] > 5 * 128
    tile = upscale(record.video[1, 2], 96)
    rows = np.lib.stride_tricks.sliding_window_view(sheet[..., 0], (8, 8))
    inside = tile[8:16, 8:16, 0]
    assert (rows == inside).all(axis=(2, 3)).any()


def test_a_contact_sheet_of_a_long_clip_has_nine_columns_with_the_first_and_the_last_frame():
    short = contact_sheet(np.zeros((1, 9, 64, 64, 3), np.uint8))
    long = contact_sheet(np.zeros((1, 41, 64, 64, 3), np.uint8))
    assert short.shape == long.shape


def test_a_record_names_what_does_not_fit():
    with pytest.raises(aim.ShapeError, match=r"actions: expected \(5, 7\), got \(4, 7\)"):
        RolloutRecord.of(rollout(actions=np.zeros((4, 7))))
    with pytest.raises(aim.ShapeError, match="rig: expected 2 cameras, got 1"):
        RolloutRecord.of(rollout(rig=[camera(0)]))
    with pytest.raises(ValueError, match="video: expected dtype uint8, got float64"):
        RolloutRecord.of(rollout(video=np.zeros((VIEWS, FRAMES, HEIGHT, WIDTH, 3))))


def test_saving_writes_every_file_and_nothing_else(tmp_path, written):
    names = save_rollout(tmp_path / "out", rollout(), write_video=written)
    assert sorted(names) == sorted(file.name for file in (tmp_path / "out").iterdir())
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    views = [f"view_{view}_{kind}.mp4" for view in range(2) for kind in ("video", "action", "panel")]
    others = {"trajectory.csv", "trajectory.ply", "scene.glb", "rollout.json", "contact_sheet.png", "report.html"}
    assert set(names) == {*views, *others}
    assert np.array_equal(written.videos["view_1_action.mp4"], rollout().action_images[1])
    assert min(written.videos["view_0_panel.mp4"].shape[1:3]) >= 256
    assert Image.open(tmp_path / "out" / "contact_sheet.png").size[0] > 500


def test_the_trajectory_keeps_every_digit(tmp_path, written):
    actions = np.random.default_rng(2).normal(size=(FRAMES, 7))
    save_rollout(tmp_path / "out", rollout(actions=actions), write_video=written)
    with open(tmp_path / "out" / "trajectory.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["x", "y", "z", "ex", "ey", "ez", "openness", "confidence"]
    read = np.array([[float(value) for value in row.values()] for row in rows])
    assert np.array_equal(read[:, :7], actions)
    assert np.array_equal(aim.load_trajectory(tmp_path / "out" / "trajectory.csv"), actions)


def test_the_settings_are_json_even_with_undecoded_frames(tmp_path, written):
    actions = np.full((FRAMES, 7), np.nan)
    save_rollout(tmp_path / "out", rollout(actions=actions, confidence=np.zeros(FRAMES)), write_video=written)
    read = json.loads((tmp_path / "out" / "rollout.json").read_text())
    assert read["actions"][0] == [None] * 7
    assert read["seed"] == 3 and read["settings"]["steps"] == 16
    assert read["instruction"] == "reach the red block"
    assert np.allclose(read["cameras"][1]["intrinsics"], camera(0.2, -80.0).intrinsics)


def test_a_rollout_without_actions_is_saved_without_their_files(tmp_path, written):
    only_video = rollout(action_images=None, actions=None, confidence=None, points=None, rig=None)
    names = save_rollout(tmp_path / "out", only_video, write_video=written)
    assert set(names) == {"view_0_video.mp4", "view_1_video.mp4", "rollout.json", "contact_sheet.png", "report.html"}


def test_saving_again_replaces_its_files_and_leaves_others(tmp_path, written):
    (tmp_path / "note.txt").write_text("mine")
    save_rollout(tmp_path, rollout(), write_video=written)
    save_rollout(tmp_path, rollout(), write_video=written)
    assert (tmp_path / "note.txt").read_text() == "mine"
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def broken(path, frames, fps, crf):
        path.write_bytes(b"half")
        raise RuntimeError("encoder")

    with pytest.raises(RuntimeError, match="encoder"):
        save_rollout(tmp_path / "out", rollout(), write_video=broken)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path, written):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ValueError, match=re.escape(str(directory))):
            save_rollout(directory, rollout(), write_video=written)
    with pytest.raises(ValueError, match="nowhere"):
        write_report(tmp_path / "nowhere" / "report.html", rollout(), write_video=written)


def test_the_report_needs_no_network_and_stays_small(tmp_path, written):
    write_report(tmp_path / "report.html", vars(rollout()), write_video=written)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 8_000_000
    assert not re.search(r'<(?:script|link|img|video)[^>]+(?:src|href)="https?:', page)
    assert '<script type="text/plain" id="mosaic-data">dmlkZW8=</script>' in page
    assert "default-src 'none'" in page
    assert page.count("<canvas data-view") == 2 * 3


def test_the_report_escapes_what_users_write(tmp_path, written):
    evil = "</script><script>alert(1)</script> & \"quotes\" $title"
    record = rollout(settings={"prompt": evil, evil: evil}, blocks=[{"color": evil, "center": [0, 0, 0]}])
    write_report(tmp_path / "report.html", record, write_video=written)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert any(trace.get("name") == evil + " block" for trace in json.loads(data)["scene"])


def test_a_video_too_large_for_the_report_is_compressed_harder(tmp_path):
    asked = []

    def write_video(path, frames, fps, crf):
        asked.append(crf)
        path.write_bytes(b"x" * (5_000_000 if crf < 30 else 1_000_000))

    write_report(tmp_path / "report.html", rollout(), write_video=write_video)
    assert asked == [18, 24, 30]
    assert (tmp_path / "report.html").stat().st_size < 8_000_000


def test_a_video_that_no_quality_makes_small_enough_is_shown_smaller(tmp_path):
    sizes = []

    def write_video(path, frames, fps, crf):
        sizes.append(frames.shape[1:3])
        path.write_bytes(b"x" * (5_000_000 if frames.shape[1] > 300 else 1_000_000))

    write_report(tmp_path / "report.html", rollout(), write_video=write_video)
    assert sizes == [(576, 768)] * 4 + [(288, 384)]
    assert (tmp_path / "report.html").stat().st_size < 8_000_000


@pytest.mark.parametrize("views, height, width", [(1, 64, 64), (3, 480, 832), (8, 512, 512), (8, 720, 1280), (2, 97, 65)])
def test_the_mosaic_holds_every_picture_once_and_is_no_larger_than_decoders_take(views, height, width):
    random = np.random.default_rng(5)
    video, action = random.integers(0, 256, (2, views, 1, height, width, 3), dtype=np.uint8)
    record = RolloutRecord.of({"video": video, "action_images": action})
    layout = layout_of(record)
    mosaic = mosaic_frames(record, layout)
    assert mosaic.shape[1] % 2 == mosaic.shape[2] % 2 == 0
    assert max(mosaic.shape[1:3]) <= 3840 and mosaic.shape[1] * mosaic.shape[2] <= 4096 * 2304
    tile_width, tile_height = layout.tile
    for frames, places in ((video, layout.video), (action, layout.action)):
        for view, (left, top) in enumerate(places):
            tile = mosaic[0, top : top + tile_height, left : left + tile_width]
            if layout.reduction == 1:
                assert np.array_equal(tile, upscale(frames[view, 0]))
            else:
                assert abs(tile.mean() - frames[view, 0].mean()) < 1
    assert len({*layout.video, *layout.action}) == 2 * views


def test_the_rotation_goes_on_past_half_a_turn_and_over_unknown_frames():
    angle = np.linspace(0, 3 * np.pi, 31)
    actions = np.zeros((31, 7))
    actions[:, 5] = (angle + np.pi) % (2 * np.pi) - np.pi
    actions[[4, 17]] = np.nan
    turned = rotation_since_first(actions)
    known = np.isfinite(actions[:, 0])
    assert np.allclose(turned[known], angle[known, None] * [0, 0, 1], atol=1e-9)
    assert np.isnan(turned[~known]).all()


def test_the_rotation_equals_scipys_for_less_than_half_a_turn():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    actions = np.zeros((20, 7))
    actions[:, 3:6] = [3.0, 0.2, -1.0] + np.random.default_rng(6).uniform(-0.4, 0.4, (20, 3))
    poses = rotation.from_euler("xyz", actions[:, 3:6])
    assert np.allclose(rotation_since_first(actions), (poses * poses[0].inv()).as_rotvec(), atol=1e-9)


def test_the_report_links_the_files_beside_it_and_holds_trajectory_and_cameras(tmp_path, written):
    names = save_rollout(tmp_path, rollout(), write_video=written)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = dict(re.findall(r'<a download="([^"]+)" href="([^"]+)"', page))
    assert set(links) == {*names, "rig.json"} - {"report.html"}
    inside = {name: base64.b64decode(link.split(",")[1]) for name, link in links.items() if link.startswith("data:")}
    assert inside["trajectory.csv"] == (tmp_path / "trajectory.csv").read_bytes()
    (tmp_path / "rig.json").write_bytes(inside["rig.json"])
    assert np.allclose(aim.load_rig(tmp_path / "rig.json").intrinsics, [camera(0).intrinsics, camera(0, -80).intrinsics])


def test_estimated_cameras_are_named_so_with_their_unit(tmp_path, written):
    settings = {"cameras": {"estimated": "vggt", "metres_per_unit": 0.4217}}
    write_report(tmp_path / "report.html", rollout(settings=settings), write_video=written)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "estimated from the pictures by VGGT. All lengths are in scene units, which are not metres." in page
    assert "one of them is about 0.422 m" in page
    assert "scene units, focal length" in page and " m, focal length" not in page


def test_a_scene_that_is_no_point_cloud_is_refused():
    with pytest.raises(ValueError, match="scene: expected a PointCloud, got list"):
        RolloutRecord.of(rollout(scene=[1, 2, 3]))


def test_a_point_cloud_is_thinned_and_specks_far_away_are_left_out():
    random = np.random.default_rng(7)
    points, colors = random.uniform(-0.5, 0.5, (40_000, 3)), random.integers(0, 256, (40_000, 3))
    points[:20] *= 1000
    points[20:40] = np.nan
    cloud = packed_cloud(RolloutRecord.of(rollout(scene=PointCloud(points, colors))))
    steps = np.frombuffer(base64.b64decode(cloud["points"]), "<u2").reshape(-1, 3)
    shown = cloud["origin"] + cloud["scale"] * steps
    assert len(steps) == cloud["count"] <= CLOUD_POINTS and cloud["total"] == 40_000
    assert np.abs(shown).max() < 1 and len(base64.b64decode(cloud["colours"])) == 3 * cloud["count"]


def test_importing_the_presentation_imports_neither_torch_nor_plotly_nor_pillow():
    code = (
        "import sys, action_images.presentation as p; p.panel, p.contact_sheet, p.write_report, p.save_rollout;"
        "assert callable(p.contact_sheet);"
        "print([name for name in ('torch', 'plotly', 'PIL') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
