# SPDX-License-Identifier: Apache-2.0
"""What notebooks show of rigs, action images, decoded actions and rollouts."""

import base64
import io
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import action_images as aim
from action_images.presentation import show
from action_images.presentation.notebook import rollout_html, rollout_png

FRAMES, SIZE = 7, 64


def camera(shift, size=SIZE):
    pose = np.eye(4)
    pose[:3, 3] = [shift, 0.0, -0.8]
    intrinsics = [[80, 0, size / 2], [0, 80, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size)


def rig(views=2):
    return aim.Rig([camera(0.2 * view - 0.1) for view in range(views)])


def actions():
    t = np.linspace(0, 1, FRAMES)
    return np.stack([0.2 * t - 0.1, 0 * t, 0 * t, 0 * t + 3, 0.3 * t, t, 1 - t], axis=1)


def rollout(**changes):
    images = aim.encode(actions(), rig())
    values = dict(video=255 - images, action_images=images, actions=actions(), confidence=np.ones(FRAMES), rig=rig())
    return {**values, "settings": {"prompt": "reach <b>it</b>"}, **changes}


def opened(png):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)).convert("RGB"))


def pictures(html):
    return [base64.b64decode(text) for text in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]


def write_video(path, frames, fps, crf):
    write_video.shape = frames.shape
    path.write_bytes(b"video")


@pytest.mark.parametrize(
    "shown",
    [rig(), rig(1), aim.Rig([[camera(0), camera(0.1)], camera(0.3)], names=["a <b>", "c"]), rig(70)],
    ids=["two", "one", "moving", "many"],
)
def test_a_rig_is_drawn_as_well_formed_html_with_a_row_for_every_view(shown):
    page = ElementTree.fromstring(shown._repr_html_())
    rows = page.findall(".//tbody/tr")
    assert len(rows) == min(len(shown), 64) and len(page.findall(".//svg")) == 2
    assert [row[1].text for row in rows] == shown.names[: len(rows)]
    assert len(page.findall(".//svg/g")) == 2 * len(rows)
    numbers = re.findall(r"-?\d+\.\d", " ".join(line.get("points") for line in page.iter("polyline")))
    assert np.isfinite([float(number) for number in numbers]).all()
    assert all(0 <= float(number) <= 260 for number in numbers)


def test_a_moving_rig_shows_its_way():
    moving = aim.Rig([[camera(0), camera(0.1), camera(0.2)]])
    assert "moving over 3 frames" in moving._repr_html_() and "stroke-dasharray" in moving._repr_html_()


def test_rigs_and_decoded_actions_show_themselves_with_numpy_alone():
    code = (
        "import sys, numpy as np, action_images as aim;"
        "c = aim.Camera(intrinsics=[[9, 0, 8], [0, 9, 8], [0, 0, 1]], world_from_camera=np.eye(4), width=16, height=16);"
        "assert not [n for n in sys.modules if n.startswith('action_images.presentation')];"
        "r = aim.Rig([c]); r._repr_html_();"
        "aim.decode(aim.encode(np.full((1, 7), 0.5), r), r, depth=0.5)._repr_html_();"
        "print([name for name in ('torch', 'PIL', 'plotly', 'matplotlib') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]", shown.stderr


def test_decoded_actions_are_a_table_of_some_frames():
    images = aim.encode(actions(), rig())
    images[:, 3] = 0
    page = aim.decode(images, rig(), fill=False)._repr_html_()
    rows = ElementTree.fromstring(page).findall(".//tbody/tr")
    assert len(rows) == FRAMES and "6 of 7 frames" in page
    assert [cell.text for cell in rows[3]][1:4] == ["nan"] * 3
    assert float(rows[6][1].text) == pytest.approx(0.1, abs=1e-3)


def test_action_images_show_every_view_and_what_they_say():
    images = aim.encode(actions(), rig())
    shown = show(images, rig())
    assert opened(shown._repr_png_()).shape[0] > 2 * 96
    page = shown._repr_html_()
    assert np.array_equal(opened(pictures(page)[0]), opened(shown._repr_png_()))
    assert "7 of 7 frames" in page and repr(shown) == "ShownImages(2 views, 7 frames, 64 × 64 px)"
    assert "Decoded" not in show(images / 255.0)._repr_html_()
    assert "Decoded" not in show(images[:1], rig(1))._repr_html_()
    assert "Decoded" in show(images[:1], rig(1), depth=0.8)._repr_html_()


def test_images_that_do_not_fit_are_named():
    images = aim.encode(actions(), rig())
    with pytest.raises(aim.ShapeError, match=r"\[presentation::show\] images: expected \(V, T, H, W, 3\)"):
        show(images[0])
    with pytest.raises(aim.ShapeError, match=r"\[presentation::show\] rig: expected 2 views, got 1"):
        show(images, rig(1))


def test_a_rollout_is_a_static_picture_with_a_player_below():
    page = rollout_html(rollout(), write_video=write_video)
    assert np.array_equal(opened(pictures(page)[0]), opened(rollout_png(rollout())))
    assert 'src="data:video/mp4;base64,dmlkZW8="' in page and "<script" not in page and "<iframe" not in page
    assert "<b>it</b>" not in page
    assert max(write_video.shape[1:3]) <= 640


def test_a_long_video_is_left_out_and_the_picture_stays_small():
    def long_video(path, frames, fps, crf):
        path.write_bytes(bytes(2_000_000))

    noise = np.random.default_rng(0).integers(0, 256, (3, 9, 256, 256, 3), dtype=np.uint8)
    page = rollout_html(dict(video=noise, action_images=noise), write_video=long_video)
    assert "<video" not in page and len(page) < 700_000


def test_a_rollout_without_actions_or_cameras_is_shown_too():
    for changes in (dict(rig=None), dict(actions=None, confidence=None), dict(action_images=None, actions=None)):
        assert pictures(rollout_html(rollout(**changes), write_video=write_video))
