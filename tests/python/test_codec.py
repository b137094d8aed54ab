# SPDX-License-Identifier: Apache-2.0
"""The codec seen from Python: laws, the released implementation's numbers, types and error texts."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import action_images as aim

DATA = Path(__file__).parents[1] / "data"


def camera_around(azimuth, size, mirror=1.0):
    """Camera that looks at (0, 0, 0.06) from 45 degrees above; mirror=-1: negative focal lengths."""
    position = np.array([0.57 * np.cos(azimuth), 0.57 * np.sin(azimuth), 0.63])
    forward = np.array([0, 0, 0.06]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([mirror * right, mirror * np.cross(forward, right), forward, position], axis=1)
    focal = mirror * 1.2 * size
    intrinsics = [[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size)


def rig_around(views=2, size=64, mirror=1.0):
    return aim.Rig([camera_around(-0.7 + 1.4 * view, size, mirror) for view in range(views)])


def random_actions(frames=6, seed=0):
    random = np.random.default_rng(seed)
    position = [0, 0, 0.1] + random.uniform(-1, 1, (frames, 3)) * [0.12, 0.12, 0.08]
    euler = random.uniform(-1, 1, (frames, 3)) * [3.1, 1.5, 3.1]
    return np.hstack([position, euler, random.uniform(0, 1, (frames, 1))])


def rotation_error(first, second):
    return (Rotation.from_euler("xyz", first[:, 3:6]).inv() * Rotation.from_euler("xyz", second[:, 3:6])).magnitude()


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "codec_release.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def golden_rig(golden):
    views = zip(golden["K"], golden["c2w"])
    return aim.Rig([aim.Camera(intrinsics=k, world_from_camera=e, width=64, height=64) for k, e in views])


@pytest.mark.parametrize("convention", ["paper", "release"])
@pytest.mark.parametrize("views", [2, 3])
@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_decode_after_encode_is_the_identity(convention, views, mirror):
    rig, actions = rig_around(views, 64, mirror), random_actions(seed=views)
    decoded = aim.decode(aim.encode(actions, rig, convention), rig, convention)
    openness = actions[:, 6] > 0.5 if convention == "release" else actions[:, 6]
    assert decoded.valid.all() and decoded.confidence.min() > 0.95
    assert np.linalg.norm(decoded.actions[:, :3] - actions[:, :3], axis=1).max() < 1e-4
    assert rotation_error(decoded.actions, actions).max() < 2e-3
    assert np.abs(decoded.openness - openness).max() < 0.01


def test_images_equal_the_released_ones_within_one_grey_level(golden, golden_rig):
    images = aim.encode(golden["action7"], golden_rig, convention="release")
    expected = golden["rgb_round_u8"].reshape(images.shape)
    assert np.abs(images.astype(int) - expected).max() <= 1


def test_released_images_decode_to_the_actions_they_show(golden, golden_rig):
    images = golden["rgb_round_u8"].reshape(2, 5, 64, 64, 3)
    decoded = aim.decode(images, golden_rig, convention="release")
    assert np.linalg.norm(decoded.actions[:, :3] - golden["action7"][:, :3], axis=1).max() < 1e-4
    assert rotation_error(decoded.actions, golden["action7"]).max() < 2e-3
    assert np.array_equal(decoded.openness, golden["action7"][:, 6])


def test_projections_equal_the_released_ones(golden, golden_rig):
    points = aim.action_points(golden["action7"])[:, [0, 2, 1]]  # channel order of the release: position, up, normal
    pixels = np.concatenate([camera.project(points.reshape(-1, 3)).reshape(5, 6) for camera in golden_rig])
    assert np.abs(pixels - golden["proj_numpy_fp64"][:, :6]).max() < 1e-4


def test_plucker_rays_equal_the_released_ones(golden):
    views = zip(golden["plucker_K"], golden["plucker_c2w"])
    rig = aim.Rig([aim.Camera(intrinsics=k, world_from_camera=e, width=32, height=24) for k, e in views])
    relative = rig.relative_to_first()
    assert np.abs(relative.world_from_camera[:, :3] - golden["plucker_rel34"]).max() < 1e-5
    rays = aim.plucker(relative)
    assert rays.dtype == np.float32
    assert np.abs(rays - golden["plucker_plucker_rel_24x32"]).max() < 1e-5


def test_crop_and_resize_moves_the_intrinsics_like_the_release(golden):
    for before, after in zip(golden["crop_K_in"], golden["crop_480x640_to_512"]):
        camera = aim.Camera(intrinsics=before, world_from_camera=np.eye(4), width=640, height=480)
        assert np.allclose(camera.center_crop_resize(512, 512).intrinsics, after, rtol=1e-6)


def test_euler_angles_are_scipys_lower_case_xyz():
    for euler in random_actions(50, seed=3)[:, 3:6]:
        rotation = Rotation.from_euler("xyz", euler).as_matrix()
        assert np.allclose(aim.rotation_from_euler(euler), rotation, atol=1e-12)
        assert np.allclose(aim.rotation_from_euler(aim.euler_from_rotation(rotation)), rotation, atol=1e-12)


def test_lists_and_any_floating_type_are_accepted():
    rig, actions = rig_around(), np.round(random_actions(), 2)
    images = aim.encode(actions, rig)
    assert np.array_equal(aim.encode(actions.tolist(), rig), images)
    assert np.abs(aim.encode(actions.astype(np.float32), rig).astype(int) - images).max() <= 1
    floats = aim.encode(actions, rig, dtype=np.float32)
    assert floats.dtype == np.float32 and np.abs(floats * 255 - images).max() <= 0.501
    for dtype in (np.float16, np.float32, np.float64):
        assert np.allclose(aim.decode(floats.astype(dtype), rig).points, aim.action_points(actions), atol=2e-4)
    assert np.array_equal(aim.decode(images[::-1], aim.Rig(list(rig)[::-1])).valid, np.ones(6, bool))


def test_encode_writes_into_the_given_array():
    rig, actions = rig_around(), random_actions()
    out = np.full((2, 6, 64, 64, 3), 7, np.uint8)
    assert aim.encode(actions, rig, out=out) is out
    assert np.array_equal(out, aim.encode(actions, rig))
    with pytest.raises(ValueError, match="out: expected a writable C-contiguous array"):
        aim.encode(actions, rig, out=out[:, :, :, ::-1])
    with pytest.raises(aim.ShapeError, match=re.escape("out: expected (2, 6, 64, 64, 3), got (2, 5, 64, 64, 3)")):
        aim.encode(actions, rig, out=out[:, :5].copy())


def test_any_number_of_threads_gives_the_same_bits():
    rig, actions = rig_around(3, 160), random_actions(15)
    images, rays = aim.encode(actions, rig, threads=1), aim.plucker(rig, threads=1)
    for threads in (0, 2, 5):
        assert np.array_equal(aim.encode(actions, rig, threads=threads), images)
        assert np.array_equal(aim.plucker(rig, threads=threads), rays)
    with pytest.raises(ValueError, match=re.escape("[codec::encode] threads: expected 0 (one for every core) or a")):
        aim.encode(actions, rig, threads=-1)


def test_a_rig_is_a_sequence_of_cameras(tmp_path):
    rig = rig_around(3)
    assert len(rig) == 3 and len(list(rig)) == 3 and rig.width == rig.height == 64
    assert np.array_equal(rig[-1].world_from_camera, rig.world_from_camera[2])
    with pytest.raises(IndexError):
        rig[3]
    rig.save(tmp_path / "rig.json")
    assert np.array_equal(aim.Rig.load(tmp_path / "rig.json").intrinsics, rig.intrinsics)
    aim.save_rig(rig, str(tmp_path / "rig.json"))
    assert len(aim.load_rig(str(tmp_path / "rig.json"))) == 3


def test_a_camera_outlives_its_rig():
    camera = rig_around()[0]
    assert np.isfinite(camera.intrinsics).all()


def test_points_behind_a_camera_have_no_pixel():
    camera = rig_around()[0]
    behind = camera.world_from_camera[:3, 3] - camera.world_from_camera[:3, 2]
    pixels = camera.project([behind, [0, 0, 0.06]])
    assert np.isnan(pixels[0]).all() and np.allclose(pixels[1], 32)
    assert np.allclose(camera.rays([[32, 32]]), camera.world_from_camera[:3, 2])


def test_trajectories_are_kept_exactly(tmp_path):
    actions = random_actions(20)
    aim.save_trajectory(actions, tmp_path / "demo.csv")
    assert np.array_equal(aim.load_trajectory(tmp_path / "demo.csv"), actions)
    assert [file.name for file in tmp_path.iterdir()] == ["demo.csv"]


def test_wrong_shapes_are_shape_errors():
    rig = rig_around()
    with pytest.raises(aim.ShapeError, match=re.escape("[codec::encode] actions: expected (T, 7), got (41, 8)")):
        aim.encode(np.zeros((41, 8)), rig)
    with pytest.raises(aim.ShapeError, match=re.escape("[codec::encode] actions: expected (T, 7), got (7,)")):
        aim.encode(np.zeros(7), rig)
    with pytest.raises(aim.ShapeError, match=re.escape("images: expected (2, T, 64, 64, 3), got (1, 2, 64, 64, 3)")):
        aim.decode(np.zeros((1, 2, 64, 64, 3), np.uint8), rig)
    with pytest.raises(aim.ShapeError, match=re.escape("images: expected (V, T, H, W, 3), got (64, 64, 3)")):
        aim.decode(np.zeros((64, 64, 3), np.uint8), rig)
    with pytest.raises(aim.ShapeError, match=re.escape("[codec::Camera] intrinsics: expected (3, 3), got (3, 4)")):
        aim.Camera(intrinsics=np.zeros((3, 4)), world_from_camera=np.eye(4), width=8, height=8)
    with pytest.raises(aim.ShapeError, match="numbers of shape"):
        aim.encode([[1, 2], [3]], rig)


def test_wrong_values_are_value_errors():
    rig, actions = rig_around(), random_actions()
    actions[2, 4] = np.nan
    with pytest.raises(ValueError, match=re.escape("[codec::encode] actions[2]: expected finite numbers")):
        aim.encode(actions, rig)
    with pytest.raises(ValueError, match='convention: expected "paper" or "release", got "Paper"'):
        aim.encode(random_actions(), rig, convention="Paper")
    with pytest.raises(ValueError, match="images: expected uint8, or floating point"):
        aim.decode(np.zeros((2, 1, 64, 64, 3), np.int32), rig)
    with pytest.raises(ValueError, match=re.escape("images: expected finite values in [0, 1]")):
        aim.decode(np.full((2, 1, 64, 64, 3), 255.0), rig)
    with pytest.raises(ValueError, match="dtype: expected uint8 or float32, got float64"):
        aim.encode(random_actions(), rig, dtype="float64")
    with pytest.raises(ValueError, match="at least two views, or one view and a depth or a plane"):
        aim.decode(np.zeros((1, 1, 64, 64, 3), np.uint8), rig_around(1))
    with pytest.raises(ValueError, match="at least one"):
        aim.Rig([])


def test_errors_are_value_errors_of_the_public_module(tmp_path):
    for error in (aim.ShapeError, aim.FormatError, aim.NumericalError):
        assert issubclass(error, ValueError) and error.__module__ == "action_images"
    with pytest.raises(aim.FormatError, match="absent.json: expected a readable file"):
        aim.load_rig(tmp_path / "absent.json")
    (tmp_path / "bad.csv").write_text("x,y,z,ex,ey,ez,openness\n1,2,3,4,5,six,1\n")
    with pytest.raises(aim.FormatError, match='bad.csv:2: ez: expected a finite number, got "six"'):
        aim.load_trajectory(tmp_path / "bad.csv")


def test_undecodable_frames_are_filled_or_nan():
    rig, actions = rig_around(), random_actions()
    images = aim.encode(actions, rig)
    images[:, 2] = 0
    decoded = aim.decode(images, rig)
    assert not decoded.valid[2] and decoded.confidence[2] == 0
    assert np.allclose(decoded.actions[2, :3], (actions[1, :3] + actions[3, :3]) / 2, atol=1e-4)
    assert np.isnan(aim.decode(images, rig, fill=False).actions[2, :6]).all()
    assert np.isnan(aim.decode(images * 0, rig).points).all()


def test_importing_the_codec_does_not_import_torch():
    code = "import sys, action_images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_the_stub_names_what_the_module_has():
    stub = (Path(aim.__file__).parent / "_codec.pyi").read_text()
    for name in aim.__all__:
        if inspect.isfunction(getattr(aim, name)):  # written in Python, with its types
            continue
        assert re.search(rf"^(class|def) {name}\b|^{name}:", stub, re.MULTILINE), name
        thing = getattr(aim, name)
        if isinstance(thing, type) and not issubclass(thing, Exception):
            for member in (member for member in vars(thing) if not member.startswith("_")):
                assert re.search(rf"    def {member}\b", stub), f"{name}.{member}"


def test_the_release_decoder_is_the_released_one(golden, golden_rig):
    images = golden["rgb_trunc_u8"].reshape(2, 5, 64, 64, 3)
    decoded = aim.decode(images, golden_rig, "release", method="release", near=0.5, far=1.0, samples=512)
    assert np.abs(decoded.actions[:, :3] - golden["decode_inf"][:, :3]).max() < 1e-5
    direction = decoded.points[:, 2] - decoded.points[:, 0]  # its green point is the up point
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    assert np.abs(direction - golden["decode_inf"][:, 3:6]).max() < 1e-4
    assert (decoded.actions[:, 6] == golden["decode_inf"][:, 6]).all()


def test_decoded_says_how_sure_it_is_and_what_each_view_saw():
    rig, actions = rig_around(3, 128), random_actions()
    decoded = aim.decode(aim.encode(actions, rig), rig)
    frames, views = len(actions), len(rig)
    assert decoded.covariance.shape == (frames, 3, 3, 3)
    assert (np.linalg.eigvalsh(decoded.covariance) > 0).all()
    assert decoded.point_confidence.shape == (frames, 3)
    for name in ("reprojection_error", "sigma", "used_views"):
        assert getattr(decoded, name).shape == (frames, 3, views)
    assert decoded.used_views.all()
    assert decoded.reprojection_error.max() < 0.1
    assert np.abs(decoded.sigma / (0.05 * rig.width) - 1).max() < 0.05
    assert decoded.pixels.shape == (frames, 3, views, 2)
    assert np.abs(decoded.pixels[:, 0, 0] - rig[0].project(actions[:, :3])).max() < 0.1
