# SPDX-License-Identifier: Apache-2.0
"""Generation and the command line without a rig: a tiny VGGT estimates the cameras."""

import json
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_vggt  # noqa: E402
import tiny_world  # noqa: E402

import action_images as aim  # noqa: E402
from action_images import _estimated_rollout  # noqa: E402
from action_images.model import WorldModel, estimate_scene  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # random weights make poor cameras


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vggt")
    return tiny_vggt.write_weights(folder / "model.safetensors", tiny_vggt.steady_tensors())


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ACTION_IMAGES_VGGT", raising=False)


def test_a_rollout_says_that_its_cameras_were_estimated(model, weights):
    pictures = tiny_world.pictures()
    rollout = model.generate(pictures, "reach", vggt=weights)
    told = rollout.settings["cameras"]
    assert told["estimated"] == "vggt" and told["sizing"] == "release" and told["weights"] == str(weights)
    assert "not metres" in told["unit"] and 0 <= told["quality"]["confidence"] <= 1
    assert len(rollout.scene) == 2 * 70 * 70
    estimate = estimate_scene(pictures, weights, sizing="release", percentile=0)
    np.testing.assert_array_equal(rollout.rig.world_from_camera, estimate.rig.world_from_camera)
    np.testing.assert_array_equal(rollout.scene.points, estimate.scene.points)
    json.dumps(rollout.settings)


def test_an_estimate_may_be_given_as_the_rig(model, weights):
    pictures = tiny_world.pictures()
    estimate = estimate_scene(pictures, weights, sizing="release", percentile=0)
    given, made = model.generate(pictures, "reach", rig=estimate), model.generate(pictures, "reach", vggt=weights)
    np.testing.assert_array_equal(given.video, made.video)
    np.testing.assert_array_equal(given.actions, made.actions)
    assert given.scene is estimate.scene and given.settings["cameras"] == made.settings["cameras"]


def test_estimated_cameras_generate_what_the_same_rig_does(model, weights):
    pictures = tiny_world.pictures()
    estimate = estimate_scene(pictures, weights, sizing="release")
    one, other = model.generate(pictures, "reach", rig=estimate), model.generate(pictures, "reach", rig=estimate.rig)
    np.testing.assert_array_equal(one.video, other.video)
    np.testing.assert_array_equal(one.action_images, other.action_images)
    assert other.scene is None and "cameras" not in other.settings


def test_the_released_form_of_the_cameras_makes_no_difference(model, weights):
    pictures = tiny_world.pictures()
    rig = estimate_scene(pictures, weights, sizing="release").rig
    one, other = (model.generate(pictures, "reach", rig=form) for form in (rig, rig.mirrored()))
    assert np.abs(one.video.astype(int) - other.video).max() <= 1


def test_with_a_rig_no_weights_are_looked_for(model, tmp_path, monkeypatch):
    monkeypatch.setenv("ACTION_IMAGES_VGGT", str(tmp_path / "none"))
    assert model.generate(tiny_world.pictures(), "reach", rig=tiny_world.rig()).scene is None
    with pytest.raises(ValueError, match="ACTION_IMAGES_VGGT"):
        model.generate(tiny_world.pictures(), "reach")


def test_pictures_of_different_sizes_are_brought_to_one(model, weights):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 60, 3), (50, 50, 3))]
    rollout = model.generate(pictures, "reach", vggt=weights)
    assert rollout.video.shape[2:4] == (tiny_world.SIZE, tiny_world.SIZE)
    videos = [rng.integers(0, 256, (5, *shape), dtype=np.uint8) for shape in ((40, 60, 3), (50, 50, 3))]
    assert model.generate(None, videos=videos, task="v2a", vggt=weights).video.shape[1] == 5


def test_of_videos_the_first_frames_are_looked_at(model, weights):
    videos = tiny_world.pictures(frames=5)
    rollout = model.generate(None, videos=videos, task="v2a", vggt=weights)
    estimate = estimate_scene([video[0] for video in videos], weights, sizing="release", percentile=0)
    np.testing.assert_array_equal(rollout.rig.world_from_camera, estimate.rig.world_from_camera)


@pytest.mark.parametrize("task", ["a2v", "i2va"])
def test_pixels_tell_actions_without_metres(task, model, weights):
    seen = np.tile([10.0, 12, 14, 12, 10, 8, 1], (2, 1))
    assert model.generate(tiny_world.pictures(), "reach", vggt=weights, task=task, view_actions=seen).scene is not None


def test_what_is_in_metres_is_refused_without_a_rig(model, weights):
    for options in ({"task": "a2v", "actions": tiny_world.actions()}, {"first_action": tiny_world.actions()[0]}):
        with pytest.raises(ValueError, match="expected none without a rig, since estimated cameras have no metres"):
            model.generate(tiny_world.pictures(), "reach", vggt=weights, **options)


def test_one_picture_is_not_enough_for_two_views(model, weights):
    with pytest.raises(aim.ShapeError, match="images: expected 2, .* got 1"):
        model.generate(tiny_world.pictures()[:1], "reach", vggt=weights)
    estimate = estimate_scene(tiny_world.pictures(), weights)
    with pytest.raises(ValueError, match="rig: expected an action_images.Rig"):
        model.generate(tiny_world.pictures(), "reach", rig=[estimate])


@pytest.mark.parametrize("scale", [0.05, 0.4, 1.0, 7.0])
def test_actions_are_read_in_any_unit(scale):
    """Action images of gripper axes of 0.1 m, read with cameras whose lengths are in another unit."""
    rig, actions = tiny_world.rig().center_crop_resize(256, 256), tiny_world.actions(9)
    images = aim.encode(actions, rig)
    cameras = [
        aim.Camera(
            intrinsics=camera.intrinsics,
            world_from_camera=np.vstack([np.hstack([camera.world_from_camera[:3, :3], scale * camera.world_from_camera[:3, 3:]]), [0, 0, 0, 1]]),
            width=256, height=256,
        )
        for camera in rig
    ]  # fmt: skip
    other = aim.Rig(cameras)
    length = _estimated_rollout.axis_length(images, other, 0.1, {})
    assert length == pytest.approx(0.1 * scale, rel=0.01)
    estimate = types.SimpleNamespace(settings={}, quality={}, scene=None)
    made = {"action_images": images, "rig": other, "actions": actions, "points": None, "confidence": None, "settings": {}}
    read = _estimated_rollout.in_own_unit(made, estimate, {"convention": "paper", "axis_length": 0.1})
    np.testing.assert_allclose(read["actions"][:, :3], scale * actions[:, :3], atol=1e-3 * scale)
    turned = aim.points_of(read["actions"]) if hasattr(aim, "points_of") else read["actions"][:, 3:6]
    assert np.isfinite(turned).all() and read["confidence"].min() > 0.5
    assert read["settings"]["cameras"]["metres_per_unit"] == pytest.approx(1 / scale, rel=0.01)


def test_action_images_that_show_nothing_have_no_length():
    assert _estimated_rollout.axis_length(np.zeros((2, 3, 32, 32, 3), np.uint8), tiny_world.rig(), 0.1, {}) is None


# The command line


@pytest.fixture
def scene_pictures(tiny_scene):
    return [tiny_scene / "view_0.png", tiny_scene / "view_1.png"]


def test_cameras_writes_a_rig_and_says_how_good_it_is(command_line, scene_pictures, weights, tmp_path):
    out, quality = tmp_path / "deep" / "rig.json", tmp_path / "quality.json"
    result = command_line("cameras", *scene_pictures, "--weights", weights, "--out", out, "--json", quality, "--threads", 1)
    assert result.code == 0 and "2 cameras" in result.out
    assert "estimated from the pictures by VGGT, confidence" in result.err and "not metres" in result.err
    rig = aim.load_rig(out)
    wanted = estimate_scene(scene_pictures, weights)
    np.testing.assert_allclose(rig.world_from_camera, wanted.rig.world_from_camera)
    assert json.loads(quality.read_text())["quality"] == wanted.quality
    result = command_line("cameras", *scene_pictures, "--weights", weights, "--out", out, "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_cameras_writes_points_in_metres_where_a_distance_is_known(command_line, scene_pictures, weights, tmp_path):
    point_cloud_file = pytest.importorskip("action_images.presentation.point_cloud_file")
    pytest.importorskip("trimesh")
    rig, points = tmp_path / "rig.json", tmp_path / "scene.ply"
    options = ("--weights", weights, "--out", rig, "--points", points, "--percentile", 0)
    assert "9800 points" in command_line("cameras", *scene_pictures, *options).out
    own, cloud = aim.load_rig(rig), point_cloud_file.read_ply(points)
    result = command_line("cameras", *scene_pictures, *options, "--distance", 0, 1, 0.42)
    metric = aim.load_rig(rig)
    distance = [np.linalg.norm(np.diff([camera.world_from_camera[:3, 3] for camera in r], axis=0)) for r in (own, metric)]
    assert distance[1] == pytest.approx(0.42) and f"scale {0.42 / distance[0]:.6g}" in result.out
    moved = point_cloud_file.read_ply(points).points
    np.testing.assert_allclose(moved, cloud.points * 0.42 / distance[0], rtol=1e-4, atol=1e-6)


def test_one_and_three_pictures_have_cameras(command_line, scene_pictures, weights, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(tiny_vggt.pictures("three")[2]).resize((32, 32)).save(tmp_path / "third.png")
    for count, files in ((1, scene_pictures[:1]), (3, [*scene_pictures, tmp_path / "third.png"])):
        assert command_line("cameras", *files, "--weights", weights, "--out", tmp_path / "rig.json").code == 0
        assert len(aim.load_rig(tmp_path / "rig.json")) == count


def test_bad_input_of_cameras_is_one_line(refused, scene_pictures, weights, tmp_path):
    out = ("--out", tmp_path / "rig.json")
    assert "the same picture twice" in refused("cameras", scene_pictures[0], scene_pictures[0], "--weights", weights, *out)
    assert "no such path" in refused("cameras", *scene_pictures, "--weights", tmp_path / "none.pt", *out)
    assert "nowhere.png" in refused("cameras", "nowhere.png", "--weights", weights, *out)
    assert "percentile" in refused("cameras", *scene_pictures, "--weights", weights, "--percentile", -1, *out)
    assert not (tmp_path / "rig.json").exists()


def test_generate_estimates_cameras_and_says_so(command_line, scene_pictures, weights, tiny_model, tmp_path):
    pytest.importorskip("plotly", reason="the report needs plotly")
    options = ("--images", *scene_pictures, "--model", tiny_model, "--prompt", "reach", "--vggt", weights)
    result = command_line("generate", *options, "--out", tmp_path / "out")
    assert result.code == 0
    lines = [line for line in result.err.splitlines() if line.startswith("cameras estimated from the pictures by VGGT")]
    assert len(lines) == 1 and "not metres" in lines[0]
    assert "of VGGT's unit" in result.out or "cannot be read" in result.out
    settings = json.loads((tmp_path / "out" / "rollout.json").read_text())["settings"]
    assert settings["cameras"]["estimated"] == "vggt"


def test_generate_without_a_rig_needs_weights_and_no_scene(refused, scene_pictures, tiny_model, tiny_scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("action_images._vggt_weights._in_hub_cache", lambda: None)
    options = ("generate", "--images", *scene_pictures, "--model", tiny_model, "--prompt", "reach", "--out", tmp_path / "out")
    assert "expected VGGT's weights, got none" in refused(*options)
    for option, file in {"--scene": "scene.json", "--actions": "actions.csv"}.items():
        task = ("--task", "a2v") if option == "--actions" else ()
        assert f"{option}: expected a --rig" in refused(*options, *task, option, tiny_scene / file)
