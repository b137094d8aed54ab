# SPDX-License-Identifier: Apache-2.0
"""The calibration doctor: silent when all is well, names what is wrong, as a function and as a command."""

import json

import numpy as np
import pytest
from test_codec import random_actions, rig_around

import action_images as aim


def names(diagnosis):
    return [finding.name for finding in diagnosis.warnings]


def with_poses(rig, pose_of):
    return aim.Rig([
        aim.Camera(intrinsics=c.intrinsics, world_from_camera=pose_of(c), width=c.width, height=c.height) for c in rig
    ])


def in_millimetres(camera):
    pose = camera.world_from_camera.copy()
    pose[:3, 3] *= 1000
    return pose


@pytest.fixture
def folder(tmp_path):
    """rig.json, actions.csv and images.npy that belong together, and release.npy in the other convention."""
    rig, actions = rig_around(2, 64), random_actions(5)
    rig.save(tmp_path / "rig.json")
    aim.save_trajectory(actions, tmp_path / "actions.csv")
    np.save(tmp_path / "images.npy", aim.encode(actions, rig))
    np.save(tmp_path / "release.npy", aim.encode(actions, rig, "release"))
    return tmp_path


@pytest.mark.parametrize("views", [1, 2, 4])
@pytest.mark.parametrize("mirror", [1.0, -1.0])
@pytest.mark.parametrize("convention", ["paper", "release"])
def test_nothing_is_said_when_all_is_well(views, mirror, convention):
    rig, actions = rig_around(views, 64, mirror), random_actions(5)
    images = aim.encode(actions, rig, convention)
    for diagnosis in (
        aim.doctor(rig),
        aim.doctor(rig, images, convention=convention),
        aim.doctor(rig, images, actions, convention),
        aim.doctor(rig, images.astype(np.float32) / 255, actions, convention),
    ):
        assert names(diagnosis) == [] and str(diagnosis).endswith("No warnings.\n")
        assert [note.name for note in diagnosis.notes] == ["negative_focal"] * (mirror < 0)


def test_a_diagnosis_has_numbers_of_views_pairs_and_points():
    rig, actions = rig_around(3, 64), random_actions(5)
    diagnosis = aim.doctor(rig, aim.encode(actions, rig), actions, distances=[0.5, 0.8])
    assert np.allclose([view.looks_at for view in diagnosis.views], [0, 0, 0.06], atol=1e-6)
    assert np.allclose([view.fx for view in diagnosis.views], 1.2 * 64)
    assert np.allclose([view.fov_x for view in diagnosis.views], np.degrees(2 * np.arctan(0.5 / 1.2)))
    assert [(pair.first, pair.second) for pair in diagnosis.pairs] == [(0, 1), (0, 2), (1, 2)]
    first, second = (rig[view].world_from_camera[:3, 3] for view in (0, 1))
    assert diagnosis.pairs[0].baseline == pytest.approx(np.linalg.norm(first - second))
    assert [precision.distance for precision in diagnosis.precision] == [0.5, 0.8]
    assert diagnosis.precision[0].covariance.shape == (3, 3)
    assert diagnosis.precision[1].depth < diagnosis.pairs[0].precision[1].depth
    assert len(diagnosis.errors) == 9 and max(error.median for error in diagnosis.errors) < 0.05
    assert diagnosis.shape.normal_length == pytest.approx(0.1, abs=1e-3)
    assert diagnosis.fits[0].name == "as_given"


@pytest.mark.parametrize(
    "name, given",
    [
        ("opengl_axes", lambda rig: with_poses(rig, lambda camera: camera.pose("opengl"))),
        ("ros_axes", lambda rig: with_poses(rig, lambda camera: camera.pose("ros"))),
        ("mirrored_focal", lambda rig: with_poses(rig, lambda camera: camera.pose("pytorch3d"))),
        ("inverted_extrinsics", lambda rig: with_poses(rig, lambda camera: camera.camera_from_world)),
        ("millimetres", lambda rig: with_poses(rig, in_millimetres)),
        ("view_order", lambda rig: aim.Rig([rig[1], rig[0]])),
    ],
)
def test_a_wrong_rig_is_named(name, given):
    rig, actions = rig_around(2, 64), random_actions(5)
    assert names(aim.doctor(given(rig), aim.encode(actions, rig), actions)) == [name]


@pytest.mark.parametrize(
    "name, change",
    [
        ("flipped_x", lambda images: images[..., ::-1, :]),
        ("flipped_y", lambda images: images[..., ::-1, :, :]),
        ("transposed", lambda images: images.swapaxes(2, 3)),
        ("channels", lambda images: images[..., [0, 2, 1]]),
        ("view_order", lambda images: images[::-1]),
    ],
)
def test_wrong_images_are_named(name, change):
    rig, actions = rig_around(2, 64), random_actions(5)
    assert names(aim.doctor(rig, change(aim.encode(actions, rig)), actions)) == [name]


@pytest.mark.parametrize("mine, theirs", [("paper", "release"), ("release", "paper")])
def test_the_other_convention_is_named(mine, theirs):
    rig, actions = rig_around(2, 64), random_actions(5)
    (finding,) = aim.doctor(rig, aim.encode(actions, rig, theirs), actions, mine).warnings
    assert finding.text == f'the images follow "{theirs}", not "{mine}"' and finding.views == [0, 1]


def test_bad_input_is_named():
    rig, actions = rig_around(2, 64), random_actions(5)
    images = aim.encode(actions, rig)
    with pytest.raises(aim.ShapeError, match=r"images: expected \(2, 4, 64, 64, 3\), got \(2, 5, 64, 64, 3\)"):
        aim.doctor(rig, images, actions[:4])
    with pytest.raises(ValueError, match="images: expected action images that show the actions, got none"):
        aim.doctor(rig, actions=actions)
    with pytest.raises(aim.ShapeError, match=r"images: expected \(V, T, H, W, 3\), got \(64, 64, 3\)"):
        aim.doctor(rig, images[0, 0])
    with pytest.raises(ValueError, match="distances: expected positive numbers of metres, got -1"):
        aim.doctor(rig, distances=[-1.0])
    with pytest.raises(ValueError, match="uint8, or floating point"):
        aim.doctor(rig, images.astype(int))


def test_the_command_exits_with_0_when_all_is_well(command_line, folder):
    alone = command_line("doctor", "--rig", folder / "rig.json")
    assert (alone.code, alone.err) == (0, "") and alone.out.endswith("No warnings.\n")
    shown = command_line(
        "doctor", "--rig", folder / "rig.json", "--images", folder / "images.npy", "--actions", folder / "actions.csv",
        "--distance", 0.6,
    )
    assert (shown.code, shown.err) == (0, "") and "at 0.600 m" in shown.out and "Reprojection error" in shown.out


def test_the_command_exits_with_1_when_it_warns(command_line, folder):
    shown = command_line(
        "doctor", "--rig", folder / "rig.json", "--images", folder / "release.npy", "--actions", folder / "actions.csv"
    )
    assert (shown.code, shown.err) == (1, "")
    assert shown.out.endswith('Warning [convention]: the images follow "release", not "paper".\n')


def test_the_command_prints_json(command_line, folder):
    shown = command_line("doctor", "--rig", folder / "rig.json", "--images", folder / "images.npy", "--json")
    read = json.loads(shown.out)
    assert shown.code == 0 and read["warnings"] == [] and len(read["views"]) == 2
    assert np.shape(read["pairs"][0]["precision"][0]["covariance"]) == (3, 3) and read["fits"][0]["name"] == "as_given"


def test_the_command_exits_with_2_after_bad_input(refused, folder):
    assert "no.json" in refused("doctor", "--rig", folder / "no.json")
    assert "distances" in refused("doctor", "--rig", folder / "rig.json", "--distance", "0")
    assert "images" in refused("doctor", "--rig", folder / "rig.json", "--actions", folder / "actions.csv")
