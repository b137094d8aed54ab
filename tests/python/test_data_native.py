# SPDX-License-Identifier: Apache-2.0
"""The native layout: what is written comes back, writing goes on where it was stopped, damage is named."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")

import data_episodes as made
from action_images import FormatError
from action_images import data


def test_what_is_written_losslessly_comes_back_exactly(tmp_path):
    episodes = [made.episode(12, name="first"), made.episode(9, name="second")]
    data.write_native(episodes, tmp_path / "set", lossless=True)
    opened = data.open(str(tmp_path / "set"))
    assert len(opened) == 2
    for episode, sample, frames in zip(episodes, opened, (12, 9)):
        assert sample.video.dtype == np.uint8
        assert sample.text in episode.texts
        np.testing.assert_array_equal(sample.video, np.stack([made.pictures(frames, 24, 32, v) for v in range(2)]))
        np.testing.assert_array_equal(sample.actions, episode.actions)
        np.testing.assert_array_equal(sample.rig[1].intrinsics, episode.views[1].cameras[0].intrinsics)
        np.testing.assert_array_equal(sample.rig[1].world_from_camera, episode.views[1].cameras[0].world_from_camera)
        assert sample.rig.names == ["cam0", "cam1"]


def test_h264_changes_pictures_a_little_and_nothing_else(tmp_path):
    data.write_native([made.episode(16)], tmp_path / "set", crf=12)
    sample = data.open(tmp_path / "set")[0]
    expected = np.stack([made.pictures(16, 24, 32, view) for view in range(2)]).astype(float)
    assert np.abs(sample.video - expected).mean() < 3
    np.testing.assert_array_equal(sample.actions, made.actions(16))


def test_views_may_differ_in_size_and_cameras_may_move(tmp_path):
    episode = made.episode(7, sizes=((24, 32), (40, 20), (24, 32)), moving=True, with_actions=False)
    data.write_native([episode], tmp_path / "set", lossless=True)
    opened = data.open(tmp_path / "set")
    views = opened.episodes[0].views
    assert [(view.cameras[0].height, view.cameras[0].width) for view in views] == [(24, 32), (40, 20), (24, 32)]
    assert len(views[1].cameras) == 7
    sample = opened[0]
    assert sample.video.shape == (3, 7, 24, 32, 3)
    assert sample.actions is None
    assert sample.rig.is_moving and sample.rig.frames == 7
    np.testing.assert_array_equal(sample.video[2], made.pictures(7, 24, 32, 2))
    expected = made.camera(40, 20, 1, 5).center_crop_resize(24, 32)
    np.testing.assert_allclose(sample.rig.camera(1, 5).intrinsics, expected.intrinsics)


def test_writing_goes_on_where_it_was_stopped(tmp_path):
    data.write_native([made.episode(5, name=str(i)) for i in range(4)], tmp_path / "source", lossless=True)
    source = data.open(tmp_path / "source")

    def stop_after_two(done, total):
        assert total == 4
        return done < 2

    with pytest.raises(RuntimeError, match="stopped"):
        data.write_native(source, tmp_path / "copy", lossless=True, progress=stop_after_two)
    with pytest.raises(FormatError, match="complete"):
        data.open(tmp_path / "copy")
    with pytest.raises(ValueError, match="another data set"):
        data.write_native(source, tmp_path / "copy", crf=30)
    data.write_native(source, tmp_path / "copy", lossless=True)
    assert len(data.open(tmp_path / "copy")) == 4
    data.write_native(source, tmp_path / "copy", lossless=True)  # complete: nothing to do


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="other files"):
        data.write_native([made.episode()], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_episode_is_named_with_its_file(tmp_path):
    data.write_native([made.episode()] * 5, tmp_path / "set")
    opened = data.open(tmp_path / "set")
    folder = tmp_path / "set" / "episodes"
    (folder / "000000" / "cam1.mp4").write_bytes(b"no video")
    with pytest.raises(FormatError, match=r"000000/cam1\.mp4"):
        opened[0]
    (folder / "000001" / "rig.json").unlink()
    with pytest.raises(FormatError, match=r"000001/rig\.json"):
        opened[1]
    document = json.loads((folder / "000002" / "episode.json").read_text())
    document["views"][0]["video"] = "../000003/cam0.mp4"
    (folder / "000002" / "episode.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"000002/episode\.json: views\[0\]\.video"):
        opened[2]
    document["frames"] = 13
    (folder / "000003" / "episode.json").write_text(json.dumps(document | {"views": []}))
    with pytest.raises(FormatError, match=r"views"):
        opened[3]
    assert opened[4].video.shape[1] == 12


def test_the_fingerprint_follows_the_contents(tmp_path):
    data.write_native([made.episode()], tmp_path / "set")
    before = data.open(tmp_path / "set").fingerprint()
    assert before == data.open(tmp_path / "set").fingerprint()
    csv = tmp_path / "set" / "episodes" / "000000" / "actions.csv"
    csv.write_text(csv.read_text().replace("0.05,", "0.06,"))
    assert data.open(tmp_path / "set").fingerprint() != before


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nowhere", "a folder"),
        ("native:nowhere", "dataset.json"),
        ("unheard:of", "one of the kinds"),
    ],
)
def test_what_is_no_data_set_is_refused(spec, says):
    with pytest.raises(ValueError, match=says):
        data.open(spec)
