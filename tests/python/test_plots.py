# SPDX-License-Identifier: Apache-2.0
"""Figures for papers: what they draw, what they leave alone, what they refuse."""

import io
import subprocess
import sys

import numpy as np
import pytest

import action_images as aim
from action_images.presentation import plots

pytest.importorskip("matplotlib")
FRAMES = 12


def trajectory():
    t = np.linspace(0, 1, FRAMES)
    return np.stack([0.2 * t, 0.1 * t, 0.3 - 0.2 * t, 0 * t + 3, 0.5 * t, 5 * t, 1 - t], axis=1)


def rig():
    poses = [np.eye(4), np.eye(4)]
    poses[0][:3, 3], poses[1][:3, 3] = [-0.2, 0, -0.8], [0.3, 0, -0.8]
    intrinsics = [[60, 0, 32], [0, 60, 24], [0, 0, 1]]
    return aim.Rig([aim.Camera(intrinsics=intrinsics, world_from_camera=p, width=64, height=48) for p in poses])


def lines(axes):
    return {line.get_label(): np.asarray(line.get_ydata(), float) for line in axes.lines}


def saved(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="pdf")
    return stream.getvalue()


def test_a_strip_has_a_row_for_every_view_and_a_column_for_every_moment():
    images = aim.encode(trajectory(), rig())
    figure = plots.plot_action_strip(images, [0, 5, 11], names=["left", "right"])
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == 6 and np.array_equal(shown[4], images[1, 5])
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["left", "right"]
    assert len(plots.plot_action_strip(images / 255.0, video=images).axes) == 4 * 8
    assert saved(figure).startswith(b"%PDF")


def test_a_strip_names_what_does_not_fit():
    images = aim.encode(trajectory(), rig())
    with pytest.raises(ValueError, match=r"\[presentation::plot_action_strip\] frames: expected numbers in 0..11, got \[12\]"):
        plots.plot_action_strip(images, [12])
    with pytest.raises(aim.ShapeError, match="video: expected"):
        plots.plot_action_strip(images, video=images[:, :3])
    with pytest.raises(aim.ShapeError, match=r"images: expected \(V, T, H, W, 3\)"):
        plots.plot_action_strip(images[0])
    with pytest.raises(aim.ShapeError, match="names: expected 2, got 1"):
        plots.plot_action_strip(images, names=["left"])


def test_a_trajectory_is_drawn_beside_the_truth_and_unknown_frames_are_gaps():
    truth, actions = trajectory(), trajectory()
    actions[:, 5] += 0.1
    actions[4] = np.nan
    position, rotation, openness = plots.plot_trajectory(actions, truth, np.linspace(0, 1, FRAMES)).axes
    assert np.array_equal(lines(position)["z"], actions[:, 2], equal_nan=True)
    assert np.isclose(lines(rotation)["z"][0], np.degrees(0.1), atol=0.2)  # beside the truth's first frame, not its own
    assert np.allclose(lines(openness)["confidence"], np.linspace(0, 1, FRAMES))
    assert "truth" in lines(openness)


def test_nothing_decoded_and_one_frame_alone_are_drawn():
    for actions in (np.full((FRAMES, 7), np.nan), trajectory()[:1]):
        assert saved(plots.plot_trajectory(actions)) and saved(plots.plot_trajectory_3d(actions, rig=rig()))


def test_a_path_in_three_dimensions_shows_cameras_and_truth():
    plain = plots.plot_trajectory_3d(trajectory()).axes[0]
    whole = plots.plot_trajectory_3d(trajectory(), trajectory(), rig=rig()).axes[0]
    assert len(plain.lines) == 6 * 3 and len(whole.lines) == 6 * 3 + 1 + 2 * 8
    assert whole.get_zlim()[0] < -0.8 < plain.get_zlim()[0]


def test_the_medians_of_the_errors_are_those_of_equally_full_bins():
    random = np.random.default_rng(0)
    confidence = random.uniform(0, 1, 400)
    error = 10 ** (1 - 2 * confidence + random.normal(0, 0.2, 400))
    error[:3], error[3] = np.nan, 0
    figure = plots.plot_confidence(confidence, error, bins=4)
    medians = figure.axes[0].containers[0].lines[0].get_ydata()
    order = np.argsort(confidence[3:], kind="stable")
    assert np.allclose(medians, [np.median(error[3:][part]) for part in np.array_split(order, 4)])
    with pytest.raises(ValueError, match="error: expected finite values >= 0, got no finite pair"):
        plots.plot_confidence([np.nan], [1.0])
    with pytest.raises(aim.ShapeError, match=r"confidence: expected \(2,\), got \(3,\)"):
        plots.plot_confidence([1, 1, 1], [1.0, 2.0])


def test_given_axes_are_drawn_on():
    from matplotlib.figure import Figure

    figure = Figure()
    grid = figure.subplots(4, 1)
    assert plots.plot_trajectory(trajectory(), axes=grid[:3]) is figure
    assert plots.plot_confidence([0.5, 1], [2, 1], axes=grid[3]) is figure
    assert all(len(axes.lines) for axes in grid)


def test_no_global_state_knows_the_figures_and_importing_needs_no_matplotlib():
    code = (
        "import sys, numpy as np; from action_images.presentation import plots; assert 'matplotlib' not in sys.modules;"
        "import matplotlib; before = [matplotlib.rcParams[name] for name in plots.STYLE];"
        "plots.plot_confidence([0, 1], [2, 1]); plots.plot_trajectory(np.zeros((3, 7)));"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert before == [matplotlib.rcParams[name] for name in plots.STYLE];"
        "sys.modules['matplotlib'] = None\n"
        "try: plots.plot_confidence([0, 1], [2, 1])\n"
        "except ImportError as error: print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "expected the package matplotlib (pip install 'action-images[plots]'), got none" in shown.stdout
