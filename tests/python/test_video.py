# SPDX-License-Identifier: Apache-2.0
"""Pictures and videos as numpy arrays (action_images._model)."""

import io

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="action_images._model is built with torch")
from action_images import _model  # noqa: E402


def waves(frames, height, width):
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    channels = [np.sin(3e-2 * x + 0.1 * t), np.cos(4e-2 * y - 0.1 * t), np.sin(2e-2 * (x + y) + 0.1 * t + 2)]
    return np.round(128 + 110 * np.stack(channels, axis=-1)).astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(255.0**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))


def jpeg_bytes(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def test_png_written_here_is_read_by_pillow_and_the_other_way_round(tmp_path):
    image = waves(1, 37, 53)[0]
    _model.write_image(tmp_path / "ours.png", image)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "ours.png")), image)
    Image.fromarray(image).save(tmp_path / "theirs.png")
    assert np.array_equal(_model.read_image(tmp_path / "theirs.png"), image)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_other_kinds_of_png_are_read_as_rgb(tmp_path, mode):
    grey = waves(1, 20, 30)[0, :, :, 0]
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    picture.save(tmp_path / "a.png")
    expected = np.repeat(grey[..., None], 3, axis=-1) if mode == "I;16" else np.asarray(picture.convert("RGB"))
    read = _model.read_image(tmp_path / "a.png")
    assert np.abs(read.astype(int) - expected.astype(int)).max() <= 1


def test_a_jpeg_is_read_as_pillow_reads_it(tmp_path):
    image = waves(1, 64, 96)[0]
    (tmp_path / "a.jpg").write_bytes(jpeg_bytes(image))
    expected = np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))
    assert np.abs(_model.read_image(tmp_path / "a.jpg").astype(int) - expected.astype(int)).mean() < 1.0


def test_a_jpeg_cut_anywhere_is_refused(tmp_path):
    whole = jpeg_bytes(waves(1, 64, 96)[0])
    for size in range(1, len(whole) - 1, len(whole) // 53):
        (tmp_path / "cut.jpg").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut.jpg"):
            _model.read_image(tmp_path / "cut.jpg")


def test_a_picture_larger_than_16384_px_is_refused(tmp_path):
    Image.new("L", (16385, 2)).save(tmp_path / "wide.png")
    with pytest.raises(ValueError, match="at most 16384 px"):
        _model.read_image(tmp_path / "wide.png")
    with pytest.raises(ValueError, match="16384"):
        _model.write_image(tmp_path / "wide2.png", np.zeros((2, 16385, 3), np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (63, 64), (35, 51)])
def test_a_video_read_back_is_the_video_written_above_40_db(tmp_path, size):
    video = waves(9, *size)
    _model.write_video(tmp_path / "a.mp4", video, fps=12)
    read = _model.read_video(tmp_path / "a.mp4")
    assert read.shape == video.shape and read.dtype == np.uint8
    assert psnr(video, read) > 40
    assert np.array_equal(_model.read_video(tmp_path / "a.mp4", first=3, frames=2), read[3:5])


def test_a_strided_array_is_written_as_it_reads(tmp_path):
    video = waves(4, 32, 32)
    _model.write_image(tmp_path / "flipped.png", video[0, ::-1, :, ::-1])
    assert np.array_equal(_model.read_image(tmp_path / "flipped.png"), video[0, ::-1, :, ::-1])
    _model.write_video(tmp_path / "a.mp4", video[::-2], crf=0, codec="libx264rgb", pixel_format="rgb24")
    assert np.array_equal(_model.read_video(tmp_path / "a.mp4"), video[::-2])


def test_wrong_dtypes_and_shapes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"frames: expected dtype uint8, got float32"):
        _model.write_video(tmp_path / "a.mp4", np.zeros((2, 8, 8, 3), np.float32))
    with pytest.raises(ValueError, match=r"frames: expected \(T, H, W, 3\), got \(8, 8, 3\)"):
        _model.write_video(tmp_path / "a.mp4", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"image: expected \(H, W, 3\), got \(8, 8, 4\)"):
        _model.write_image(tmp_path / "a.png", np.zeros((8, 8, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        _model.write_video(tmp_path / "nowhere" / "a.mp4", waves(2, 8, 8))
    with pytest.raises(ValueError, match="nowhere"):
        _model.write_image(tmp_path / "nowhere" / "a.png", waves(1, 8, 8)[0])
