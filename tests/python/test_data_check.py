# SPDX-License-Identifier: Apache-2.0
"""Checking and looking at data sets: what is counted, what is drawn, how the commands end."""

import json

import pytest

pytest.importorskip("torch", reason="data sets need torch")
pytest.importorskip("pyarrow", reason="LeRobot data sets need pyarrow")

import small_data
from action_images import FormatError
from action_images.data.check import check
from action_images.data.lerobot_write import write_lerobot
from action_images.data.preview import preview
from action_images.model import read_image, read_video


class Listed:
    """Episodes in a list; what is an error is raised."""

    name = "a list"

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]


@pytest.fixture
def spec(tmp_path):
    episodes = [small_data.episode(8, seed, moving=seed == 1, text=f"task {seed % 2}") for seed in range(3)]
    write_lerobot(episodes, tmp_path / "set")
    return f"lerobot:{tmp_path / 'set'}"


def test_a_check_counts_episodes_frames_cameras_and_gripper():
    without = small_data.episode(4, 3, with_actions=False, frame_rate=0.0, text="")
    report = check(Listed([small_data.episode(8, 0), small_data.episode(10, 1, moving=True), without]))
    assert (report["episodes"], report["bad"], report["frames"], report["bad_share"]) == (3, [], 22, 0.0)
    assert (report["shortest"], report["longest"]) == (4, 10) and report["seconds"] == pytest.approx(1.8)
    assert (report["with_actions"], report["with_texts"], report["moving_cameras"]) == (2, 2, 1)
    assert report["openness"][0] == 9 and report["openness"][-1] == 9 and report["seen"] == 18 and report["unseen"] == 0
    assert sum(report["view_sizes"].values()) == 6 and report["overlays"] == []


def test_bad_episodes_are_named_with_their_reason_and_do_not_end_the_check(tmp_path):
    items = [small_data.episode(4), FormatError("[data] x.mp4: expected a video, got junk")]
    report = check(Listed(items), overlays=tmp_path / "out", samples=2)
    assert len(report["bad"]) == 1 and report["bad_share"] == 0.5 and report["overlays"] == ["episode_000000.png"]
    assert "x.mp4: expected a video, got junk" in report["bad"][0]["reason"]


def test_overlays_show_every_view_at_three_moments(tmp_path):
    report = check(Listed([small_data.episode(8, seed) for seed in range(5)]), overlays=tmp_path / "out", samples=2)
    assert report["overlays"] == ["episode_000000.png", "episode_000004.png"]
    picture = read_image(tmp_path / "out/episode_000000.png")
    height, width = small_data.SIZE
    assert picture.shape == (2 * height, 3 * width, 3)
    plain = small_data.pictures(8)[0]
    assert (picture[:height, :width] != plain).any(axis=-1).mean() > 0.02


def test_the_command_prints_counts_and_a_histogram(command_line, spec, tmp_path):
    result = command_line("dataset", "check", spec, "--overlays", tmp_path / "png", "--samples", 1, "--quiet", "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert report["episodes"] == 3 and report["frames"] == 24 and report["with_texts"] == 3 and report["bad"] == []
    assert report["openness"][0] == 12 and (tmp_path / "png" / report["overlays"][0]).is_file()
    shown = command_line("dataset", "check", spec)
    assert (
        "3, 3 good, 0 bad" in shown.out
        and "0.9..1.0  50.0 % " + "█" * 40 in shown.out
        and "side 48 x 64 px: 3" in shown.out
    )


def test_bad_episodes_decide_the_exit_code(command_line, spec, tmp_path):
    video = next((tmp_path / "set/videos/observation.images.front/chunk-000").iterdir())
    video.write_bytes(b"junk")
    assert command_line("dataset", "check", spec, "--quiet").code == 1
    result = command_line("dataset", "check", spec, "--max-bad-share", "1.0")
    assert result.code == 0 and result.out.count("file-000.mp4") == 3


def test_bad_input_of_the_commands_is_one_line(refused, tmp_path, spec):
    assert "meta/info.json" in refused("dataset", "check", f"lerobot:{tmp_path}")
    assert "--max-bad-share: expected 0..1" in refused("dataset", "check", spec, "--max-bad-share", "2")
    assert "expected a folder that can be written" in refused(
        "dataset", "preview", spec, "--out", tmp_path / "set/meta/info.json"
    )


def test_a_preview_holds_its_videos(tmp_path, spec):
    files = preview(spec, tmp_path / "out", samples=2, frames=5)
    assert files == ["sample_000.mp4", "sample_001.mp4", "index.html"]
    height, width = small_data.SIZE
    video = read_video(tmp_path / "out/sample_000.mp4")
    assert (
        len(video) == 5
        and video.shape[1] % (2 * height) == 0
        and video.shape[2] * 2 * height == 3 * width * video.shape[1]
    )
    page = (tmp_path / "out/index.html").read_text()
    assert page.count("data:video/mp4;base64,") == 2 and "http" not in page and "task 0" in page


def test_texts_in_the_page_are_escaped(tmp_path):
    preview([small_data.episode(4, text="<script>alert(1)</script>")], tmp_path / "out", samples=1, frames=3)
    page = (tmp_path / "out/index.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_preview_command_writes_the_page(command_line, spec, tmp_path):
    result = command_line(
        "dataset", "preview", spec, "--out", tmp_path / "out", "--samples", 1, "--frames", 3, "--size", 32, 32
    )
    assert result.code == 0 and "index.html: 1 samples" in result.out
    assert read_video(tmp_path / "out/sample_000.mp4").shape[0] == 3
