# SPDX-License-Identifier: Apache-2.0
"""Clips of mixtures, data sets of one's own in Python, loading in advance."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("torch", reason="data sets need torch")

import data_episodes as made
from action_images import data

OPTIONS = {"frames": 5, "size": (12, 16), "views": 2}


class Own(data.Episodes):
    """A data set of one's own; the episodes in `bad` raise."""

    name = "own"

    def __init__(self, count=6, bad=()):
        self.count, self.bad = count, bad

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.bad:
            raise KeyError(f"no episode {index}")
        return made.episode(8, name=f"own {index}")


def equal(one, other):
    return one.name == other.name and one.start == other.start and np.array_equal(one.video, other.video)


def test_a_data_set_of_ones_own_is_a_data_set():
    opened = data.open(Own(3))
    assert isinstance(opened.episodes, data.Episodes)
    assert len(opened) == 3 and opened.name == "own"
    assert [sample.name for sample in opened] == ["own 0", "own 1", "own 2"]
    np.testing.assert_array_equal(opened[-1].video[1], made.pictures(8, 24, 32, 1))
    with pytest.raises(IndexError):
        opened[3]


def test_samples_have_the_size_and_number_of_frames_and_views_asked_for():
    sample = data.open([made.episode(20)], frames=9, size=(16, 16), views=1, interval=2, seed=3)[0]
    assert sample.video.shape == (1, 9, 16, 16, 3)
    assert sample.actions.shape == (9, 7)
    assert (sample.rig.height, sample.rig.width) == (16, 16)
    np.testing.assert_array_equal(sample.actions, made.actions(20)[sample.start :: 2][:9])
    with pytest.raises(ValueError, match="augmentation"):
        data.open([made.episode()], augmentation={"flip": 1})


def test_pictures_may_come_from_an_object_of_ones_own():
    class Pictures:
        def read(self, frames, height, width):
            return made.pictures(8, 48, 64)[frames]

    view = data.EpisodeView(made.camera(48, 64), Pictures(), name="own")
    episode = data.Episode([view], texts="look", actions=made.actions(8), frames=8)
    sample = data.open([episode], frames=4, size=(24, 32))[0]
    assert sample.video.shape == (1, 4, 24, 32, 3)
    assert sample.text == "look"
    with pytest.raises(ValueError, match="frames"):
        data.Episode([view])


def resampling_weights(source, begin, extent, target):
    """(target, source): a triangle around each target pixel's centre, wider than a pixel when the picture shrinks."""
    scale = extent / target
    centres = begin + (np.arange(target)[:, None] + 0.5) * scale
    weights = np.clip(1 - np.abs(np.arange(source) + 0.5 - centres) / max(scale, 1), 0, None)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize(("size", "crop"), [((16, 16), (24, 24)), ((48, 96), (16, 32)), ((7, 5), (24, 17)), ((24, 32), (24, 32))])
def test_pictures_are_resized_as_a_triangle_filter_says(size, crop):
    pictures = np.random.default_rng(1).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    got = data.EpisodeView(made.camera(24, 32), pictures).pictures.read([1, 0, 0], *size)
    rows = resampling_weights(24, (24 - crop[0]) / 2, crop[0], size[0])
    columns = resampling_weights(32, (32 - crop[1]) / 2, crop[1], size[1])
    expected = np.einsum("iy,jx,tyxc->tijc", rows, columns, pictures[[1, 0, 0]].astype(float))
    assert np.abs(got - expected).max() <= 0.501


def test_shards_of_clips_are_episodes(tmp_path):
    import torch
    from action_images.model import save_tensors

    count, frames = 3, 5
    video = np.stack([[made.pictures(frames, 16, 16, view) for view in range(2)]] * count)
    cameras = [made.camera(16, 16, view) for view in range(2)]
    tensors = {
        "video": video,
        "actions": np.stack([made.actions(frames)] * count).astype(np.float32),
        "intrinsics": np.stack([[camera.intrinsics for camera in cameras]] * count).astype(np.float32),
        "world_from_camera": np.stack([[camera.world_from_camera for camera in cameras]] * count).astype(np.float32),
    }
    for shard in range(2):
        path = tmp_path / f"shard-0000{shard}.safetensors"
        texts = f'["a{shard}", "b{shard}", "c{shard}"]'
        save_tensors(path, {name: torch.from_numpy(array) for name, array in tensors.items()}, {"texts": texts})
    opened = data.open(tmp_path)
    assert len(opened) == 6 and opened.episodes.layout == "clips"
    assert [sample.text for sample in opened] == ["a0", "b0", "c0", "a1", "b1", "c1"]
    np.testing.assert_array_equal(opened[4].video, video[1])
    np.testing.assert_allclose(opened[4].actions, made.actions(frames), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: data.EpisodeView(made.camera(8, 8), np.zeros((4, 8, 8, 3))), "dtype uint8"),
        (lambda: data.EpisodeView(made.camera(8, 8), np.zeros((8, 8, 3), np.uint8)), r"\(T, H, W, 3\)"),
        (lambda: data.EpisodeView([], np.zeros((4, 8, 8, 3), np.uint8)) and data.Episode([]), "views"),
        (lambda: data.EpisodeView("camera", np.zeros((4, 8, 8, 3), np.uint8)), "a Camera"),
        (lambda: data.EpisodeView(made.camera(8, 8), 7), "pictures"),
        (lambda: data.open(7), "source"),
        (lambda: data.Episode(made.episode().views, actions=np.zeros((12, 6))), r"\(T, 7\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_a_clip_follows_from_seed_and_index_alone():
    one = data.ClipSampler([(Own(), 1.0)], **OPTIONS, seed=5)
    other = data.ClipSampler([(Own(), 1.0)], **OPTIONS, seed=5)
    for index in (7, 0, 10**9):
        assert equal(one[index], other[index])
    assert not all(equal(one[i], data.ClipSampler([(Own(), 1.0)], **OPTIONS, seed=6)[i]) for i in range(5))


def test_loading_in_advance_gives_the_same_clips_for_any_number_of_threads():
    sampler = data.ClipSampler([(Own(), 0.5), ([made.episode(9)], 0.5)], **OPTIONS)
    expected = [sampler[index] for index in range(3, 15)]
    for threads in (1, 4):
        loader = data.ClipLoader(sampler, range(3, 15), threads=threads, max_clips=3)
        got = list(loader)
        assert len(got) == 12
        assert all(equal(one, other) for one, other in zip(got, expected))
        assert loader.wait_seconds >= 0


def test_a_bad_episode_is_told_with_its_reason_and_replaced():
    told = []
    sampler = data.ClipSampler([(Own(bad=(2,)), 1.0)], **OPTIONS, max_bad_share=0.9, on_bad=told.append)
    names = {sampler[index].name for index in range(60)}
    assert names == {f"own {index}" for index in (0, 1, 3, 4, 5)}
    report = sampler.report()
    assert report["bad"] == len(told) > 0 and report["draws"] == 60 + len(told)
    assert "KeyError" in told[0]["reason"] and told[0]["name"] == "own[2]"
    assert not told[0]["rejected"]


def test_too_many_bad_episodes_stop_the_loader():
    loader = data.ClipLoader(data.ClipSampler([(Own(bad=(0, 1, 2, 3)), 1.0)], **OPTIONS), range(1000))
    with pytest.raises(ValueError, match="at most 5 % bad ones"):
        list(loader)


def test_a_loader_that_is_let_go_does_not_hang():
    for taken in (0, 1):
        loader = data.ClipLoader(data.ClipSampler([(Own(), 1.0)], **OPTIONS), range(1000), threads=3)
        for _ in range(taken):
            next(loader)
        threads = threading.active_count()
        del loader
        assert threading.active_count() <= threads


def test_kinds_of_ones_own_are_known_to_specs():
    data.add_kind("own_test", lambda path: Own(int(path)))
    assert "own_test" in data.kinds()
    assert len(data.open("own_test:4")) == 4
    assert len(data.open("own_test:4,own_test:2")) == 6
    sampler = data.ClipSampler("own_test:4@2,own_test:2@1", **OPTIONS)
    assert sampler.episodes == 6
    assert sampler[0].video.shape == (2, 5, 12, 16, 3)
    with pytest.raises(ValueError, match="new name"):
        data.add_kind("native", Own)


def test_names_below_a_root_are_kinds_or_paths(tmp_path):
    data.write_native(Own(2), tmp_path / "native")
    data.write_native(Own(3), tmp_path / "more")
    sampler = data.ClipSampler("native@0.7, more@0.3", root=str(tmp_path), **OPTIONS)
    assert sampler.episodes == 5


def test_a_progress_callback_that_raises_is_heard(tmp_path):
    def stop(done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        data.write_native(Own(3), tmp_path / "set", progress=stop)
    with pytest.raises(KeyError, match="enough"):
        data.check_source(Own(3), progress=stop)
