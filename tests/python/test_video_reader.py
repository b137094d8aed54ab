# SPDX-License-Identifier: Apache-2.0
"""Frames of a video by number or time, against reading all of it and against resizing in numpy."""

import concurrent.futures
import os
import signal
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="action_images._model is built with torch")
from action_images import FormatError, ShapeError  # noqa: E402
from action_images.model import VideoReader, read_video, write_video  # noqa: E402


def waves(frames, height, width):
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    channels = [np.sin(3e-2 * x + 0.1 * t), np.cos(4e-2 * y - 0.1 * t), np.sin(2e-2 * (x + y) + 0.1 * t + 2)]
    return np.round(128 + 110 * np.stack(channels, axis=-1)).astype(np.uint8)


@pytest.fixture
def clip(tmp_path):
    """30 frames of 48 x 64 at 10 frames a second."""
    write_video(tmp_path / "a.mp4", waves(30, 48, 64), fps=10)
    return tmp_path / "a.mp4"


def test_any_frames_in_any_order_are_those_of_reading_everything(clip):
    reader = VideoReader(clip, threads=2)
    everything = read_video(clip)
    assert (len(reader), reader.frames, reader.height, reader.width, reader.fps) == (30, 30, 48, 64, 10)
    assert reader.path == clip
    exact = reader.read(range(30))
    assert exact.dtype == np.uint8 and exact.shape == everything.shape
    assert np.abs(exact.astype(int) - everything).max() <= 1
    for numbers in ([29], [7, 3, 7, 0], np.arange(5, 25, 4), np.uint8([2, 1])):
        assert np.array_equal(reader.read(numbers), exact[np.asarray(numbers)])
    assert reader.read([]).shape == (0, 48, 64, 3)


def triangle(source, begin, extent, target):
    """Weights (target, source) of an antialiased linear resize of [begin, begin + extent]."""
    scale = extent / target
    center = begin + (np.arange(target) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(source) + 0.5 - center[:, None]) / max(scale, 1))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("native", [(48, 64), (64, 50), (96, 130)])
@pytest.mark.parametrize("size", [(32, 32), (48, 48), (40, 64), (100, 100), (31, 47)])
def test_pictures_are_cropped_and_resized_as_their_cameras_within_two_levels(tmp_path, native, size):
    write_video(tmp_path / "a.mp4", waves(3, *native))
    (height, width), (rows, columns) = native, size
    extent_x = min(width, int(np.floor(height * columns / rows + 0.5)))
    extent_y = height if extent_x < width else min(height, int(np.floor(width * rows / columns + 0.5)))
    vertical = triangle(height, (height - extent_y) / 2, extent_y, rows)
    horizontal = triangle(width, (width - extent_x) / 2, extent_x, columns)
    expected = np.einsum("ah,thwc,bw->tabc", vertical, read_video(tmp_path / "a.mp4").astype(float), horizontal)
    read = VideoReader(tmp_path / "a.mp4").read([0, 1, 2], size)
    assert read.shape == (3, rows, columns, 3)
    assert np.abs(read - expected).max() <= 2
    assert np.abs(read - expected).mean() <= 0.5


def test_frames_are_found_by_time_within_the_tolerance(clip):
    reader = VideoReader(clip)
    assert np.allclose(reader.times, np.arange(30) / 10)
    assert reader.frames_at([0.0, 1.02, 0.49, 2.9], tolerance=0.03).tolist() == [0, 10, 5, 29]
    with pytest.raises(ValueError, match=r"a\.mp4: expected times within 0.01 s of a frame, 0 to 2.9 s, got 1.02"):
        reader.frames_at([1.02], tolerance=0.01)
    with pytest.raises(ShapeError, match=r"seconds: expected \(T,\), got \(1, 1\)"):
        reader.frames_at([[1.0]], tolerance=0.1)


def test_wrong_numbers_sizes_and_files_are_named(clip, tmp_path):
    reader = VideoReader(clip)
    with pytest.raises(ValueError, match=r"a\.mp4: expected 0\.\.29, got 30"):
        reader.read([0, 30])
    with pytest.raises(ValueError, match="expected whole numbers, got float64"):
        reader.read([0.5])
    with pytest.raises(ShapeError, match=r"frames: expected \(T,\), got \(2, 1\)"):
        reader.read([[1], [2]])
    for size in ((0, 32), (0, 0), (-1, -1), (32, 16385)):
        with pytest.raises(ValueError, match="size: expected height and width of 1..16384"):
            reader.read([0], size)
    with pytest.raises(FormatError, match="nowhere.mp4"):
        VideoReader(tmp_path / "nowhere.mp4")
    with pytest.raises(ValueError, match="threads"):
        VideoReader(clip, threads=65)


def test_one_reader_serves_several_threads(clip):
    reader = VideoReader(clip)
    everything = reader.read(range(30), (32, 32))
    numbers = [np.random.default_rng(seed).integers(0, 30, 8) for seed in range(16)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for wanted, read in zip(numbers, pool.map(lambda frames: reader.read(frames, (32, 32)), numbers)):
            assert np.array_equal(read, everything[wanted])


def test_an_index_folder_is_filled_and_used(clip, tmp_path):
    first = VideoReader(clip, index_folder=tmp_path / "indices").read([3, 9])
    assert len(list((tmp_path / "indices").iterdir())) == 1
    assert np.array_equal(VideoReader(clip, index_folder=tmp_path / "indices").read([3, 9]), first)


def test_ctrl_c_stops_a_long_reading(tmp_path):
    write_video(tmp_path / "long.mp4", np.repeat(waves(2, 256, 256), 300, axis=0))
    reader = VideoReader(tmp_path / "long.mp4")
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        for _ in range(1000):
            reader.read([599])
