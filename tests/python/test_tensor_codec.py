# SPDX-License-Identifier: Apache-2.0
"""The codec on tensors: the same results as the codec on arrays, gradients, batches, and what is refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="tensors need torch")

import action_images as aim  # noqa: E402
from action_images.model import TensorRig, decode_tensor, encode_tensor, tensor_rig  # noqa: E402

CONVENTIONS = ("paper", "release")
LENSES = {
    "none": [],
    "brown_conrady": [0.1, -0.05, 0.002, -0.001, 0.01],
    "fisheye": [0.02, -0.01, 0.003, 0.0],
}


def camera(azimuth, size=64, lens="none"):
    position = np.array([0.57 * np.cos(azimuth), 0.57 * np.sin(azimuth), 0.63])
    forward = np.array([0, 0, 0.06]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, position], axis=1)
    intrinsics = [[1.2 * size, 0, size / 2], [0, 1.2 * size, size / 2], [0, 0, 1]]
    return aim.Camera(
        intrinsics=intrinsics, world_from_camera=pose, width=size, height=size, lens=lens, distortion=LENSES[lens]
    )


def rig(views=2, **options):
    return aim.Rig([camera(-0.7 + 1.4 * view, **options) for view in range(views)])


def motion(frames, seed=0):
    random = np.random.default_rng(seed)
    actions = random.uniform(-1, 1, (frames, 7)) * [0.12, 0.12, 0.08, 3.1, 1.5, 3.1, 0.5]
    return actions + [0, 0, 0.1, 0, 0, 0, 0.5]


def distance(actions, expected):
    return np.linalg.norm(np.asarray(actions)[..., :3] - np.asarray(expected)[..., :3], axis=-1).max()


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_tensors_are_drawn_and_read_as_arrays_are(lens, convention):
    cameras, actions = rig(lens=lens), motion(5)
    expected = aim.encode(actions, cameras, convention, dtype="float32")
    images = encode_tensor(torch.from_numpy(actions), cameras, convention)
    assert images.dtype == torch.float64
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-5)
    decoded = decode_tensor(images, cameras, convention)
    assert decoded.valid.all()
    assert distance(decoded.actions, aim.decode(expected, cameras, convention).actions) < 2e-5
    assert distance(decoded.actions, actions) < 2e-5


def test_moving_cameras_and_batches_are_those_of_single_clips():
    cameras = aim.Rig([[camera(0.1 * time) for time in range(4)], camera(1.9)])
    actions = torch.from_numpy(motion(8)).reshape(2, 4, 7)
    images = encode_tensor(actions, cameras)
    assert images.shape == (2, 2, 4, 64, 64, 3)
    decoded = decode_tensor(images, cameras)
    for clip in range(2):
        np.testing.assert_allclose(images[clip], aim.encode(actions[clip].numpy(), cameras, dtype="float32"), atol=1e-5)
        assert torch.equal(decoded.actions[clip], decode_tensor(images[clip], cameras).actions)
    assert distance(decoded.actions, actions) < 2e-5


def test_noisy_uint8_images_are_read_as_well_as_the_codec_reads_them():
    cameras, actions = rig(3, size=128), motion(10, seed=3)
    noise = np.random.default_rng(1).normal(0, 8, (3, 10, 128, 128, 3))
    images = np.clip(np.round(aim.encode(actions, cameras) + noise), 0, 255).astype(np.uint8)
    expected = np.linalg.norm(aim.decode(images, cameras).actions[:, :3] - actions[:, :3], axis=1).mean()
    got = decode_tensor(torch.from_numpy(images), cameras)
    assert got.actions.dtype == torch.float32
    assert np.linalg.norm(got.actions[:, :3].numpy() - actions[:, :3], axis=1).mean() < 1.5 * expected + 2e-5


@pytest.mark.parametrize("lens", LENSES)
def test_gradients_are_those_of_finite_differences(lens):
    cameras = tensor_rig(rig(size=12, lens=lens))
    actions = torch.from_numpy(motion(2, seed=5))
    actions[:, 6] = 0.5

    def draw(actions, intrinsics, pose):
        given = {"distortion": cameras_distortion, "fisheye": cameras_fisheye}
        return encode_tensor(
            actions, TensorRig(intrinsics=intrinsics, world_from_camera=pose, height=12, width=12, **given), sigma=3.0
        )

    coefficients = torch.zeros(2, 8, dtype=torch.float64)
    coefficients[:, : len(LENSES[lens])] = torch.tensor(LENSES[lens], dtype=torch.float64)
    cameras_distortion = coefficients if lens != "none" else None
    cameras_fisheye = torch.ones(2, dtype=torch.bool) if lens == "fisheye" else None
    inputs = [tensor.clone().requires_grad_() for tensor in (actions, cameras.intrinsics, cameras.world_from_camera)]
    assert torch.autograd.gradcheck(draw, inputs, eps=1e-6, atol=1e-5, rtol=1e-3)


def test_one_view_needs_a_depth_or_a_plane():
    cameras = rig(1, size=128)
    actions = torch.tensor([[0.02, -0.01, 0.1, 0.3, 0.2, -0.4, 1.0]], dtype=torch.float64)
    images = encode_tensor(actions, cameras)
    with pytest.raises(ValueError, match="one view and a depth or a plane"):
        decode_tensor(images, cameras)
    assert distance(decode_tensor(images, cameras, plane=(0, 0, 1, -0.1)).actions, actions) < 1e-4


def test_what_does_not_fit_is_named():
    cameras = rig()
    with pytest.raises(ValueError, match=r"actions: expected \(..., T, 7\), got \(3, 6\)"):
        encode_tensor(torch.zeros(3, 6), cameras)
    with pytest.raises(ValueError, match="float32 or float64"):
        encode_tensor(torch.zeros(3, 7, dtype=torch.int32), cameras)
    with pytest.raises(ValueError, match='"paper" or "release"'):
        encode_tensor(torch.zeros(3, 7), cameras, "other")
    with pytest.raises(ValueError, match="rig: expected an action_images.Rig or a TensorRig, got int"):
        encode_tensor(torch.zeros(3, 7), 3)
    with pytest.raises(ValueError, match="images: expected"):
        decode_tensor(torch.zeros(2, 3, 32, 32, 3), cameras)
    with pytest.raises(ValueError, match="world_from_camera"):
        TensorRig(intrinsics=torch.eye(3)[None], world_from_camera=torch.eye(4), height=8, width=8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_results_of_the_cpu():
    cameras, actions = rig(), torch.from_numpy(motion(4))
    images = encode_tensor(actions.cuda(), cameras)
    assert images.is_cuda
    np.testing.assert_allclose(images.cpu(), encode_tensor(actions, cameras), atol=1e-9)
    decoded = decode_tensor(images, cameras)
    assert decoded.actions.is_cuda
    assert distance(decoded.actions.cpu(), actions) < 2e-5
