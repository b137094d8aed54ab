# SPDX-License-Identifier: Apache-2.0
"""VGGT against the numbers of its public implementation (tests/data/vggt_tiny.md)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from action_images.model import (
    VGGT,
    cameras_from_pose_encoding,
    intrinsics_of_pictures,
    points_from_depth,
    pose_encoding_from_cameras,
    vggt_pictures,
)

DATA = Path(__file__).parents[1] / "data"
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "vggt_tiny.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if not name.startswith("pre/")}


@pytest.fixture(scope="module")
def config():
    return json.loads((DATA / "vggt_tiny.json").read_text())["config"]


@pytest.fixture(scope="module")
def network(golden, config):
    network = VGGT(config)
    network.load_state_dict({name[2:]: value.float() for name, value in golden.items() if name.startswith("w/")})
    return network


def pictures(golden, scene):
    return golden[f"{scene}/images_u8"].float().unsqueeze(0) / 255.0


def assert_close(got, wanted, tolerance=TOLERANCE):
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize("scene", ["two", "three"])
@torch.no_grad()
def test_every_output_equals_the_public_implementation(scene, golden, network):
    out = network(pictures(golden, scene))
    for name in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert_close(out[name][0], golden[f"{scene}/{name}"])
    assert_close(torch.cat(out["pose_enc_list"]), golden[f"{scene}/pose_enc_iters"])
    assert torch.equal(out["pose_enc"], out["pose_enc_list"][-1])
    assert_close(out["extrinsics"][0], golden[f"{scene}/extrinsic"])
    assert_close(out["intrinsics"][0], golden[f"{scene}/intrinsic"])


@pytest.mark.parametrize("scene", ["two", "three"])
@torch.no_grad()
def test_the_aggregator_equals_the_public_implementation(scene, golden, network, config):
    wanted = list(range(config["depth"]))
    outputs = network.aggregate(pictures(golden, scene), wanted)
    for index in wanted:
        assert_close(outputs[index][0], golden[f"{scene}/agg_{index}"])


@pytest.mark.parametrize("scene", ["two", "three"])
def test_points_of_depth_and_cameras_equal_the_public_implementation(scene, golden):
    depth, extrinsic, intrinsic = (golden[f"{scene}/{name}"] for name in ("depth", "extrinsic", "intrinsic"))
    points = points_from_depth(depth.squeeze(-1), extrinsic, intrinsic, pixel_offset=0.0)
    assert_close(points, golden[f"{scene}/unprojected_points"])


@pytest.mark.parametrize("scene", ["two", "three"])
def test_cameras_become_the_nine_numbers_again(scene, golden):
    height, width = golden[f"{scene}/images_u8"].shape[-2:]
    again = pose_encoding_from_cameras(golden[f"{scene}/extrinsic"], golden[f"{scene}/intrinsic"], height, width)
    assert_close(again, golden[f"{scene}/pose_enc_reencoded"])


def test_any_rotation_survives_the_nine_numbers():
    random = torch.Generator().manual_seed(0)
    quaternion = torch.randn(1000, 4, generator=random, dtype=torch.float64)
    quaternion[:12] = torch.eye(4, dtype=torch.float64).repeat(3, 1)  # half turns, where three of four divisors vanish
    pose = torch.cat([torch.randn(1000, 3, generator=random), quaternion, torch.rand(1000, 2, generator=random) + 0.2], 1)
    extrinsics, intrinsics = cameras_from_pose_encoding(pose, 100, 140)
    rotation = extrinsics[:, :, :3]
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand_as(rotation), atol=1e-12)
    again, _ = cameras_from_pose_encoding(pose_encoding_from_cameras(extrinsics, intrinsics, 100, 140), 100, 140)
    assert torch.allclose(again, extrinsics, atol=1e-12)


def test_a_field_of_view_of_zero_gives_finite_cameras():
    pose = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    extrinsics, intrinsics = cameras_from_pose_encoding(pose, 56, 70)
    assert torch.isfinite(extrinsics).all() and torch.isfinite(intrinsics).all()


@torch.no_grad()
def test_pictures_in_chunks_give_the_same(golden, network):
    images = pictures(golden, "three")
    whole, chunks = network(images), network(images, chunk=1)
    for name in ("depth", "world_points", "depth_conf"):
        assert_close(chunks[name], whole[name], 1e-5)


@torch.no_grad()
def test_a_batch_of_scenes_is_each_scene_alone(golden, network):
    images = pictures(golden, "two")
    both = network(torch.cat([images, images.flip(1)]))
    for row, scene in enumerate([images, images.flip(1)]):
        alone = network(scene)
        for name in ("pose_enc", "depth", "world_points"):
            assert_close(both[name][row : row + 1], alone[name], 1e-5)


@torch.no_grad()
def test_one_picture_is_enough(golden, network):
    out = network(pictures(golden, "two")[:, :1])
    assert out["depth"].shape == (1, 1, 56, 70, 1) and torch.isfinite(out["pose_enc"]).all()


@torch.no_grad()
def test_heads_that_are_not_wanted_are_left_out(golden, network):
    out = network(pictures(golden, "two"), depth=False, points=False)
    assert "depth" not in out and "world_points" not in out
    assert torch.equal(out["pose_enc"], network(pictures(golden, "two"))["pose_enc"])


@torch.no_grad()
def test_a_bfloat16_trunk_moves_the_cameras_little(golden, config, network):
    half = VGGT(config)
    half.load_state_dict(network.state_dict())
    half.trunk_to(torch.bfloat16)
    assert half.state_dict()["aggregator.frame_blocks.0.attn.qkv.weight"].dtype == torch.bfloat16
    assert half.state_dict()["camera_head.embed_pose.weight"].dtype == torch.float32
    images = pictures(golden, "two")
    assert_close(half(images)["pose_enc"], network(images)["pose_enc"], 0.03)


def test_the_published_file_may_hold_the_tracking_head(config, network):
    tensors = {**network.state_dict(), "track_head.x": torch.zeros(1), "aggregator.patch_embed.mask_token": torch.zeros(1)}
    VGGT(config).load_state_dict(tensors)
    VGGT(config, tensors)


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (torch.zeros(1, 2, 3, 56, 71), r"images: expected \(B, S, 3, H, W\), H and W multiples of 14"),
        (torch.zeros(2, 3, 56, 70), "images: expected"),
        (torch.zeros(1, 0, 3, 56, 70), "images: expected"),
        (torch.zeros(1, 1, 3, 56, 70, dtype=torch.uint8), "images: expected a floating-point dtype"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(images, told, network):
    with pytest.raises(ValueError, match=told):
        network(images)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"embed": 50}, "embed: expected a multiple of 4 heads"),
        ({"taps": [0, 1, 2, 4]}, "taps: expected 0 to depth - 1 = 3, got 4"),
        ({"width": 3}, "config: expected documented keys only"),
        ({"out_channels": [8, 16, 24]}, "out_channels: expected a list of 4, each a whole number"),
        ({"reg": 0}, "reg: expected 1 to"),
    ],
)
def test_a_config_that_makes_no_network_is_refused(wrong, told, config):
    with pytest.raises(ValueError, match=told):
        VGGT({**config, **wrong})


@pytest.fixture(scope="module")
def prepared():
    with np.load(DATA / "vggt_tiny.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("pre/")}


@pytest.mark.parametrize("picture", ["wide", "tall"])
@pytest.mark.parametrize("sizing", ["crop", "pad", "square"])
def test_pictures_are_sized_as_by_the_public_loaders(picture, sizing, prepared):
    original = torch.from_numpy(prepared[f"pre/{picture}/input_u8_hwc"])
    images, _ = vggt_pictures([original], sizing)
    wanted = prepared[f"pre/{picture}/{'square518' if sizing == 'square' else sizing}_u8_sub"].astype(float)
    got = images[0, :, 3::14, 3::14].numpy() * 255.0
    assert got.shape == wanted.shape and abs(got - wanted).max() <= 1.01


@pytest.mark.parametrize("picture", ["wide", "tall"])
def test_pictures_are_sized_as_released(picture, prepared):
    images, _ = vggt_pictures([torch.from_numpy(prepared[f"pre/{picture}/input_u8_hwc"])], "release")
    wanted = prepared[f"pre/{picture}/release518_sub"]
    assert abs(images[0, :, 3::14, 3::14].numpy() - wanted).max() <= 1e-5


@pytest.mark.parametrize("sizing", ["crop", "pad", "square", "release"])
@pytest.mark.parametrize("size", [(300, 400), (400, 300), (90, 700)])
def test_a_placement_says_where_a_picture_went(sizing, size):
    """A bright dot is where the placement says, and intrinsics are mapped back by it."""
    height, width = size
    picture = torch.zeros(height, width, 3, dtype=torch.uint8)
    y, x = height // 2 - 20, width // 2 + 15
    picture[y - 6 : y + 6, x - 6 : x + 6, 0] = 255
    images, placements = vggt_pictures([picture], sizing)
    scale_x, scale_y, offset_x, offset_y = placements[0]
    dot = torch.nonzero(images[0, 0] - images[0, 1] > 0.5).float().mean(0) + 0.5  # not the white borders
    assert abs(dot[1] - (scale_x * x + offset_x)) < 0.75 and abs(dot[0] - (scale_y * y + offset_y)) < 0.75
    seen = torch.tensor([[[500.0 * scale_x, 0.0, 200.0 * scale_x + offset_x],
                          [0.0, 510.0 * scale_y, 150.0 * scale_y + offset_y], [0.0, 0.0, 1.0]]])
    wanted = torch.tensor([[[500.0, 0.0, 200.0], [0.0, 510.0, 150.0], [0.0, 0.0, 1.0]]])
    assert torch.allclose(intrinsics_of_pictures(seen, placements), wanted, atol=1e-3)


def test_pictures_of_different_sizes_get_white_borders():
    images, _ = vggt_pictures([torch.zeros(h, 100, 3, dtype=torch.uint8) for h in (50, 80)], "crop")
    assert images.shape[0] == 2 and images[0, :, 0].min() == 1.0 and images[1].max() == 0.0


def test_an_alpha_channel_is_laid_over_white():
    picture = torch.zeros(28, 28, 4, dtype=torch.uint8)
    assert vggt_pictures([picture], "crop", 28)[0].min() == 1.0
    assert vggt_pictures([picture], "release", 28)[0].max() == 0.0


@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        ([], "pictures: expected at least one, got none"),
        ([torch.zeros(4, 4, 2, dtype=torch.uint8)], r"pictures\[0\]: expected \(H, W, 3\) or \(H, W, 4\)"),
        ([torch.zeros(4, 4, 3)], r"pictures\[0\]: expected dtype uint8"),
        ([torch.zeros(1, 4000, 3, dtype=torch.uint8)], "a shorter side that does not vanish"),
    ],
)
def test_pictures_that_cannot_be_sized_are_refused(pictures, told):
    with pytest.raises(ValueError, match=told):
        vggt_pictures(pictures)
