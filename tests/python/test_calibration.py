# SPDX-License-Identifier: Apache-2.0
"""Cameras from pictures of a ChArUco board, rendered by known cameras."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import action_images as aim
from action_images.calibration import CharucoBoard, rig_from_charuco, write_charuco_board

cv2 = pytest.importorskip("cv2", reason="calibration needs OpenCV")

BOARD = CharucoBoard(7, 5, 0.04, 0.03)
SIZE = (640, 480)
INTRINSICS = np.array([[600.0, 0, 325.0], [0, 610.0, 236.0], [0, 0, 1]])


def camera_at(turn, distance=0.45, intrinsics=INTRINSICS):
    """A camera that looks at the board's middle, turned by fixed angles (3,) [rad] from straight."""
    middle = np.array([BOARD.columns, BOARD.rows, 0]) * BOARD.square / 2
    rotation = Rotation.from_euler("xyz", turn).as_matrix()
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, middle - distance * rotation[:, 2]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=SIZE[0], height=SIZE[1])


def picture(camera, per_square=150, finer=3):
    """What the camera sees of the board: its picture under the homography of its plane, `finer` and averaged."""
    board = BOARD._opencv().generateImage((BOARD.columns * per_square, BOARD.rows * per_square), marginSize=0)
    centre = np.eye(3)
    centre[:2, 2] = -0.5  # of the first pixel: (0.5, 0.5) here, (0, 0) in OpenCV
    pixel_from_board = np.diag([finer, finer, 1.0]) @ camera.intrinsics @ camera.camera_from_world[:3][:, [0, 1, 3]]
    board_from_texture = np.diag([BOARD.square / per_square, BOARD.square / per_square, 1.0]) @ np.linalg.inv(centre)
    homography, size = centre @ pixel_from_board @ board_from_texture, (finer * SIZE[0], finer * SIZE[1])
    large = cv2.warpPerspective(board, homography, size, borderMode=cv2.BORDER_CONSTANT, borderValue=200)
    return cv2.resize(large, SIZE, interpolation=cv2.INTER_AREA)


TURNS = [(0.3, 0.1, 0.2), (-0.35, 0.2, 0), (0.1, -0.4, 0.5), (0.4, 0.4, -0.3), (-0.2, -0.3, 1.0), (0.0, 0.45, 0.1), (-0.4, -0.1, 0.2)]


def pose_error(camera, truth):
    """Distance [m] and angle [rad]."""
    a, b = camera.world_from_camera, truth.world_from_camera
    return np.linalg.norm(a[:3, 3] - b[:3, 3]), Rotation.from_matrix(a[:3, :3].T @ b[:3, :3]).magnitude()


def test_one_picture_per_view_places_cameras_of_known_intrinsics():
    truth = aim.Rig([camera_at((0.3, 0.1, 0.2)), camera_at((-0.3, 0.3, 0.0))])
    found = rig_from_charuco([picture(camera) for camera in truth], board=BOARD, intrinsics=truth)
    for camera, expected in zip(found.rig, truth):
        distance, angle = pose_error(camera, expected)
        assert distance < 1.5e-3 and angle < 4e-3
    assert found.rms_px.shape == (2,) and found.rms_px.max() < 0.3
    assert found.corners == [24, 24]


def test_intrinsics_are_calibrated_from_several_pictures():
    cameras = [camera_at(turn) for turn in TURNS]
    found = rig_from_charuco([[picture(camera) for camera in cameras]], board=BOARD, names=["left"])
    (camera,) = found.rig
    assert np.abs(camera.intrinsics - INTRINSICS).max() < 4.0
    distance, angle = pose_error(camera, cameras[0])
    assert distance < 5e-3 and angle < 8e-3
    assert found.rms_px[0] < 0.3 and found.rig.names == ["left"]


def test_the_units_are_those_of_the_squares():
    truth = camera_at(TURNS[0])
    doubled = CharucoBoard(7, 5, 0.08, 0.06)
    found = rig_from_charuco([picture(truth)], board=doubled, intrinsics=[INTRINSICS])
    assert found.rig[0].world_from_camera[:3, 3] == pytest.approx(2 * truth.world_from_camera[:3, 3], abs=3e-3)


def test_a_picture_without_a_board_is_named():
    seen = picture(camera_at(TURNS[0]))
    with pytest.raises(aim.NumericalError, match=r"images\[1\]\[0\]: expected a board of 7 x 5 squares, got 0 of its corners"):
        rig_from_charuco([seen, np.full_like(seen, 200)], board=BOARD, intrinsics=[INTRINSICS] * 2)
    with pytest.raises(aim.NumericalError, match="four pictures or more, or known intrinsics, got 1"):
        rig_from_charuco([seen], board=BOARD)
    with pytest.raises(aim.ShapeError, match=r"intrinsics: expected those of 1 views, got 2"):
        rig_from_charuco([seen], board=BOARD, intrinsics=[INTRINSICS] * 2)
    with pytest.raises(aim.ShapeError, match="uint8"):
        rig_from_charuco([seen.astype(float)], board=BOARD, intrinsics=[INTRINSICS])
    with pytest.raises(aim.FormatError, match="no.png: expected a readable picture"):
        rig_from_charuco(["no.png"], board=BOARD, intrinsics=[INTRINSICS])


def test_a_board_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="marker, square: expected lengths, the marker's less"):
        CharucoBoard(marker=0.05)
    with pytest.raises(ValueError, match="dictionary: expected a name such as DICT_5X5_100, got 'NONE'"):
        CharucoBoard(dictionary="NONE")._opencv()
    with pytest.raises(ValueError, match="dictionary: expected 200 markers or more, got 50 of DICT_4X4_50"):
        CharucoBoard(20, 20, dictionary="DICT_4X4_50")._opencv()


def test_a_written_board_is_seen_again(tmp_path):
    write_charuco_board(tmp_path / "board.png", BOARD)
    board = cv2.imread(str(tmp_path / "board.png"))
    assert board.shape == (1200, 1600, 3)
    pinhole = np.array([[2000.0, 0, 800], [0, 2000, 600], [0, 0, 1]])
    found = rig_from_charuco([tmp_path / "board.png"], board=BOARD, intrinsics=[pinhole])
    assert found.rig[0].world_from_camera[2, 3] == pytest.approx(-0.4, abs=1e-3)  # 2000 px / (200 px / 0.04 m)


def test_the_command_calibrates_and_writes_boards(command_line, refused, tmp_path):
    shown = command_line("calibrate", "--write-board", "--out", tmp_path / "board.png")
    assert shown.code == 0 and (tmp_path / "board.png").exists()
    truth = aim.Rig([camera_at((0.3, 0.1, 0.2)), camera_at((-0.3, 0.3, 0.0))])
    truth.save(tmp_path / "known.json")
    for view, camera in enumerate(truth):
        cv2.imwrite(str(tmp_path / f"{view}.png"), picture(camera))
    shown = command_line(
        "calibrate", "--images", tmp_path / "0.png", "--images", tmp_path / "1.png", "--rig", tmp_path / "known.json",
        "--out", tmp_path / "rig.json",
    )  # fmt: skip
    assert (shown.code, shown.err) == (0, "") and "px rms, 24, 24 corners" in shown.out
    assert pose_error(aim.load_rig(tmp_path / "rig.json")[1], truth[1])[0] < 1.5e-3
    assert "expected pictures of every view" in refused("calibrate", "--out", tmp_path / "rig.json")
