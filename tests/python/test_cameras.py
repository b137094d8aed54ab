# SPDX-License-Identifier: Apache-2.0
"""Cameras estimated from pictures, with the tiny VGGT of tests/data/vggt_tiny.md."""

import os
import shutil
import sys
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="VGGT needs torch")

import tiny_vggt  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import (  # noqa: E402
    VGGT,
    common_pictures,
    estimate_cameras,
    estimate_scene,
    load_vggt,
    vggt_pictures,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # random weights make poor cameras


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_vggt.write_weights(tmp_path_factory.mktemp("vggt") / "model.safetensors")


@pytest.fixture(scope="module")
def network():
    network = VGGT(tiny_vggt.config())
    network.load_state_dict(tiny_vggt.tensors())
    return network


@pytest.fixture(scope="module")
def steady_network():
    """One that sees a camera in any picture."""
    return VGGT(tiny_vggt.config(), tiny_vggt.steady_tensors())


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test finds what another one, or a user, has cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ACTION_IMAGES_VGGT", raising=False)
    return tmp_path / "cache" / "action-images" / "cameras"


def camera_from_world(rig):
    return np.linalg.inv(rig.world_from_camera)[:, :3]


class Heard:
    """Counts the stages that a progress callback hears of."""

    def __init__(self):
        self.stages = []

    def __call__(self, stage, done, total):
        assert 0 <= done <= total
        self.stages.append(stage)


@pytest.mark.parametrize("scene", ["two", "three"])
def test_cameras_and_points_are_those_of_the_public_implementation(scene, weights):
    golden = tiny_vggt.golden(scene)
    estimate = estimate_scene(tiny_vggt.pictures(scene), weights, percentile=0, pixel_offset=0)
    scale = 70 / golden["images_u8"].shape[-1]  # its pictures were of the network's width already
    assert np.abs(camera_from_world(estimate.rig) - golden["extrinsic"]).max() < 1e-4
    np.testing.assert_allclose(estimate.rig.intrinsics, golden["intrinsic"] * [[scale], [scale], [1]], rtol=1e-4)
    np.testing.assert_allclose(estimate.depth, golden["depth"][..., 0], rtol=1e-4)
    np.testing.assert_allclose(estimate.depth_confidence, golden["depth_conf"], rtol=1e-4)
    wanted = golden["unprojected_points"].reshape(-1, 3)
    assert np.abs(estimate.scene.points - wanted).max() < 1e-4 * np.abs(wanted).max()
    np.testing.assert_array_equal(estimate.scene.colors, golden["images_u8"].transpose(0, 2, 3, 1).reshape(-1, 3))


def test_the_released_cameras_are_the_mirrored_ones_of_512_pixels(weights):
    golden = tiny_vggt.golden("three")
    rig = estimate_cameras(tiny_vggt.pictures("three"), weights, sizing="release").center_crop_resize(512, 512).mirrored()
    np.testing.assert_allclose(rig.intrinsics, golden["release_intrinsics_512"], rtol=1e-4)
    np.testing.assert_allclose(rig.world_from_camera[:, :3], golden["release_cam2world_flipped"], atol=1e-4)


def test_points_lie_on_the_centres_of_their_pixels(weights):
    estimate = estimate_scene(tiny_vggt.pictures("three"), weights, percentile=0)
    points = estimate.scene.points.reshape(3, 70, 70, 3)
    for view in range(3):
        for row, column in ((0, 0), (69, 3), (30, 69)):
            pixel = estimate.rig[view].project(points[view, row, column][None].astype(float))
            np.testing.assert_allclose(np.ravel(pixel), [column + 0.5, row + 0.5], atol=1e-2)


def test_both_kinds_of_files_a_folder_and_a_network_give_the_same(weights, network, tmp_path):
    pictures = tiny_vggt.pictures("two")
    pickled = tiny_vggt.write_weights(tmp_path / "model.pt")
    first = estimate_scene(pictures, weights)
    for source in (pickled, str(weights), weights.parent, network):
        other = estimate_scene(pictures, source)
        np.testing.assert_array_equal(other.rig.world_from_camera, first.rig.world_from_camera)
        np.testing.assert_array_equal(other.scene.points, first.scene.points)
    loaded = load_vggt(pickled)
    assert loaded.config == network.config
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in loaded.state_dict().items())


def test_a_bfloat16_trunk_moves_the_cameras_little(weights):
    pictures = tiny_vggt.pictures("two")
    full, half = (estimate_scene(pictures, weights, dtype=dtype) for dtype in ("float32", torch.bfloat16))
    assert half.settings["dtype"] == "bfloat16"
    difference = np.abs(half.rig.world_from_camera - full.rig.world_from_camera).max()
    assert 0 < difference < 0.1
    assert load_vggt(weights, dtype=torch.bfloat16).state_dict()["camera_head.embed_pose.weight"].dtype == torch.float32


@pytest.mark.parametrize("sizing", ["crop", "pad", "square", "release"])
def test_intrinsics_are_those_of_the_pictures_whatever_the_sizing(sizing, network):
    """What the network says about its picture, mapped back by the placement, is the camera of the picture as given."""
    pictures = [np.random.default_rng(seed).integers(0, 256, (90, 120, 3), dtype=np.uint8) for seed in range(2)]
    estimate = estimate_scene(pictures, network, sizing=sizing)
    images, placements = vggt_pictures([torch.from_numpy(picture) for picture in pictures], sizing, 70)
    seen = network(images[None])["intrinsics"][0].numpy()
    assert (estimate.rig.width, estimate.rig.height) == (120, 90)
    for view, (scale_x, scale_y, offset_x, offset_y) in enumerate(placements):
        picture_to_image = np.array([[scale_x, 0, offset_x], [0, scale_y, offset_y], [0, 0, 1]])
        np.testing.assert_allclose(picture_to_image @ estimate.rig[view].intrinsics, seen[view], rtol=1e-4, atol=1e-3)
    assert estimate.placements == pytest.approx(np.array(placements))


def test_a_picture_and_its_enlarged_copy_have_the_same_rays(weights):
    pictures = tiny_vggt.pictures("three")
    large = [np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1) for picture in pictures]
    small_rig, large_rig = (estimate_cameras(images, weights, sizing="square") for images in (pictures, large))
    again = large_rig.center_crop_resize(70, 70)
    np.testing.assert_allclose(again.intrinsics[:, :2, 2], small_rig.intrinsics[:, :2, 2], rtol=1e-6)


def test_alpha_is_laid_over_white_as_the_public_loader_does(steady_network):
    network = steady_network
    opaque = tiny_vggt.pictures("two")
    alpha = [np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]) for picture in opaque]
    alpha[0][:20, :, 3] = 0
    opaque[0][:20] = 255
    np.testing.assert_array_equal(
        estimate_cameras(alpha, network).world_from_camera, estimate_cameras(opaque, network).world_from_camera
    )


def test_paths_pil_images_floats_and_videos_are_taken(network, tmp_path):
    image = pytest.importorskip("PIL.Image")
    from action_images.model import write_video

    pictures = tiny_vggt.pictures("three")[:2]
    image.fromarray(pictures[0]).save(tmp_path / "a.png")
    mixed = [tmp_path / "a.png", image.fromarray(pictures[1])]
    wanted = estimate_cameras(pictures, network).world_from_camera
    np.testing.assert_array_equal(estimate_cameras(mixed, network).world_from_camera, wanted)
    floats = [picture / 255.0 for picture in pictures]
    np.testing.assert_array_equal(estimate_cameras(floats, network).world_from_camera, wanted)
    video = np.repeat(np.repeat(pictures[0][None], 3, axis=0)[:, :70, :70], 1, axis=0)
    write_video(tmp_path / "v.mp4", video)
    assert len(estimate_cameras([tmp_path / "v.mp4", pictures[1]], network)) == 2


def test_the_network_is_not_asked_twice(weights, own_cache):
    pictures = tiny_vggt.pictures("two")
    first_heard, second_heard = Heard(), Heard()
    first = estimate_scene(pictures, weights, progress=first_heard)
    second = estimate_scene(pictures, weights, progress=second_heard)
    assert {"weights", "network"} == set(first_heard.stages) and second_heard.stages == []
    np.testing.assert_array_equal(first.rig.world_from_camera, second.rig.world_from_camera)
    np.testing.assert_array_equal(first.scene.points, second.scene.points)
    assert first.quality == second.quality
    assert len(list(own_cache.glob("*.safetensors"))) == 1


def test_the_cache_may_lie_elsewhere_or_nowhere(weights, own_cache, tmp_path):
    pictures = tiny_vggt.pictures("two")
    estimate_scene(pictures, weights, cache=tmp_path / "here")
    heard = Heard()
    estimate_scene(pictures, weights, cache=False, progress=heard)
    assert "network" in heard.stages and not own_cache.exists()
    assert len(list((tmp_path / "here").iterdir())) == 1


def test_weights_that_changed_are_read_again(tmp_path, own_cache):
    values = tiny_vggt.tensors()
    path = tiny_vggt.write_weights(tmp_path / "model.safetensors", values)
    first = estimate_cameras(tiny_vggt.pictures("two"), path)
    values["camera_head.pose_branch.fc2.bias"][0] += 1.0
    tiny_vggt.write_weights(path, values)
    assert abs(estimate_cameras(tiny_vggt.pictures("two"), path).world_from_camera - first.world_from_camera).max() > 0.1


def test_a_damaged_cache_is_a_warning_and_made_again(weights, own_cache):
    pictures = tiny_vggt.pictures("two")
    first = estimate_cameras(pictures, weights)
    (file,) = own_cache.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(RuntimeWarning, match="estimated again"):
        again = estimate_cameras(pictures, weights)
    np.testing.assert_array_equal(again.world_from_camera, first.world_from_camera)


def test_pictures_of_different_sizes_get_a_common_rig(network):
    pictures = [tiny_vggt.pictures("three")[0], np.random.default_rng(0).integers(0, 256, (100, 90, 3), dtype=np.uint8)]
    estimate = estimate_scene(pictures, network, sizing="release")
    assert [(camera.width, camera.height) for camera in estimate.cameras] == [(70, 70), (90, 100)]
    assert (estimate.rig.width, estimate.rig.height) == (90, 90)
    assert common_pictures(pictures).shape == (2, 90, 90, 3)
    assert any("the sizes differ" in text for text in estimate.warnings)


def test_what_is_poor_is_said(steady_network):
    network = steady_network
    pictures = tiny_vggt.pictures("three")
    heard = []
    estimate = estimate_scene(pictures[:1], network, notice=heard.append)
    assert estimate.confidence == 0 and heard == estimate.warnings and "one picture" in heard[0]
    with pytest.warns(UserWarning, match="one picture"):
        estimate_cameras(pictures[:1], network)
    assert "not metres" in estimate.summary() and "1 cameras" in repr(estimate)


PICTURE = np.random.default_rng(0).integers(0, 256, (70, 70, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pictures", "error", "told"),
    [
        ([], aim.ShapeError, "pictures: expected at least one"),
        ([PICTURE, PICTURE.copy()], ValueError, r"pictures\[0\], pictures\[1\]: expected pictures of different places"),
        ([PICTURE, np.zeros((70, 70, 3), np.uint8)], ValueError, r"pictures\[1\]: expected a picture that shows something"),
        ([PICTURE[..., :2]], aim.ShapeError, r"pictures\[0\]: expected \(H, W, 3\) or \(H, W, 4\)"),
        ([PICTURE.astype(int)], ValueError, "got dtype int64"),
        ([np.full((70, 70, 3), np.nan)], ValueError, "NaN"),
        ("a.png", ValueError, "a list"),
        (["nowhere.png"], aim.FormatError, "nowhere.png"),
        ([np.zeros((1, 4000, 3), np.uint8) + np.arange(4000, dtype=np.uint8)[None, :, None]], aim.ShapeError, "vanish"),
    ],
)
def test_pictures_that_show_no_scene_are_refused(pictures, error, told, network):
    with pytest.raises(error, match=told):
        estimate_cameras(pictures, network)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizing": "big"}, "crop, pad, square or release"),
        ({"percentile": 101}, "percentile: expected 0 to 100"),
        ({"percentile": "many"}, "percentile: expected a number"),
        ({"min_confidence": float("nan")}, "min_confidence"),
        ({"chunk": 0}, "chunk: expected a whole number"),
        ({"dtype": "int8"}, "dtype"),
        ({"device": "moon"}, "device"),
        ({"config": {"width": 3}}, "config: expected documented keys only"),
    ],
)
def test_options_out_of_range_are_refused(options, told, weights):
    with pytest.raises(ValueError, match=told):
        estimate_cameras(tiny_vggt.pictures("two"), weights, **options)


def test_a_network_in_memory_is_taken_as_it_is(network):
    with pytest.raises(ValueError, match="expected none beside a VGGT in memory"):
        estimate_cameras(tiny_vggt.pictures("two"), network, dtype="bfloat16")
    assert estimate_scene(tiny_vggt.pictures("two"), network).settings["dtype"] == "as in memory"


def test_missing_and_damaged_weights_are_refused(weights, tmp_path):
    pictures = tiny_vggt.pictures("two")
    with pytest.raises(ValueError, match="no such path"):
        estimate_cameras(pictures, tmp_path / "model.pt")
    short = tmp_path / "short.safetensors"
    short.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(aim.FormatError, match="short.safetensors"):
        estimate_cameras(pictures, short)
    values = tiny_vggt.tensors()
    del values["camera_head.trunk_norm.bias"]
    with pytest.raises(aim.FormatError, match=r"missing \(1\): camera_head.trunk_norm.bias"):
        estimate_cameras(pictures, tiny_vggt.write_weights(tmp_path / "model.pt", values))
    with pytest.raises(ValueError, match="a path, a name on the Hub or a VGGT, got int"):
        estimate_cameras(pictures, 3)


def test_weights_that_give_nan_are_a_numerical_error(tmp_path, own_cache):
    values = tiny_vggt.tensors()
    values["camera_head.pose_branch.fc2.bias"][:] = float("nan")
    with pytest.raises(aim.NumericalError, match=r"pictures\[0\]: expected finite cameras"):
        estimate_cameras(tiny_vggt.pictures("two"), tiny_vggt.write_weights(tmp_path / "model.pt", values))
    assert not own_cache.exists()


def test_without_weights_the_error_says_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("action_images._vggt_weights._in_hub_cache", lambda: None)
    with pytest.raises(ValueError, match="ACTION_IMAGES_VGGT.*facebook/VGGT-1B.*CC-BY-NC"):
        estimate_cameras(tiny_vggt.pictures("two"))
    monkeypatch.setenv("ACTION_IMAGES_VGGT", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="ACTION_IMAGES_VGGT: expected a file"):
        estimate_cameras(tiny_vggt.pictures("two"))


def test_weights_are_found_by_the_environment_and_beside_checkpoints(weights, tmp_path, monkeypatch):
    pictures = tiny_vggt.pictures("two")
    wanted = estimate_cameras(pictures, weights).world_from_camera
    monkeypatch.setenv("ACTION_IMAGES_VGGT", str(weights))
    np.testing.assert_array_equal(estimate_cameras(pictures).world_from_camera, wanted)
    monkeypatch.delenv("ACTION_IMAGES_VGGT")
    folder = tmp_path / "checkpoints" / "facebook--VGGT-1B"
    os.makedirs(folder)
    shutil.copy(weights, folder / "model.safetensors")
    np.testing.assert_array_equal(
        estimate_cameras(pictures, checkpoints=tmp_path / "checkpoints").world_from_camera, wanted
    )


def test_the_hubs_cache_is_looked_at_and_only_a_name_downloads(weights, tmp_path, monkeypatch):
    asked = []
    cached = {"model.pt": str(weights)}
    fake = types.SimpleNamespace(try_to_load_from_cache=lambda name, file: asked.append(file) or cached.get(file))
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    monkeypatch.chdir(tmp_path)
    assert len(estimate_cameras(tiny_vggt.pictures("two"))) == 2 and asked == ["model.safetensors", "model.pt"]
    downloads = []

    def download(name, *, checkpoints, allow_patterns):
        downloads.append((name, allow_patterns))
        return weights.parent

    monkeypatch.setattr("action_images.hub.download", download)
    assert len(estimate_cameras(tiny_vggt.pictures("two"), "facebook/VGGT-1B")) == 2
    estimate_cameras(tiny_vggt.pictures("two"), "facebook/VGGT-1B-Commercial")
    assert downloads[0] == ("facebook/VGGT-1B", ("model.safetensors", "config.json"))
    assert downloads[1][1] == ("vggt_1B_commercial.pt",)


def test_a_callback_stops_the_work_and_what_it_raises_comes_out(weights):
    with pytest.raises(ZeroDivisionError):
        estimate_cameras(tiny_vggt.pictures("two"), weights, progress=lambda *_: 1 / 0)
    with pytest.raises(Exception, match="stopped by the progress callback"):
        estimate_cameras(tiny_vggt.pictures("two"), weights, progress=lambda *_: False)
