# SPDX-License-Identifier: Apache-2.0
"""Figures for papers, drawn by matplotlib (`pip install 'action-images[plots]'`).

Every function returns a `matplotlib.figure.Figure` that no global state knows; `figure.savefig("name.pdf")` writes it.
Given `axes=`, it draws there and returns the figure that they belong to. Lengths of figures are in inches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from action_images import Rig, ShapeError, action_points, rotation_from_euler, time_colours
from action_images.presentation.courses import rotation_since_first
from action_images.presentation.geometry import frustum
from action_images.presentation.panels import check_frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0  # widths [inch]
# Okabe and Ito's colours, which differ for every kind of colour vision; lines differ in their dashes too.
COLOURS = {"x": "#D55E00", "y": "#009E73", "z": "#0072B2", "openness": "#E69F00", "confidence": "#CC79A7", "dots": "#56B4E9"}
STYLE = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.2, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
}  # fmt: skip
MANY = 2000  # points; more are drawn as pixels also in vector files


def plot_action_strip(
    images: ArrayLike,
    frames: Sequence[int] | None = None,
    *,
    video: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Action images as a strip: rows are views, columns are moments.

    images: (V, T, H, W, 3) uint8, or floating point in [0, 1]. frames: the moments; by default up to 8, evenly spaced.
    video: of the same shape, drawn in a row above each view's action images. names: of the views.
    Raises ShapeError if shapes do not fit, ValueError for a moment that there is not.
    """
    images = _pictures("images", images)
    moments = _moments(frames, images.shape[1])
    rows = [(_name(names, view, len(images)), images[view]) for view in range(len(images))]
    if video is not None:
        video = _pictures("video", video)
        if video.shape != images.shape:
            raise ShapeError(f"[presentation::plot_action_strip] video: expected {images.shape}, got {video.shape}")
        rows = [row for view, (name, strip) in enumerate(rows) for row in ((name, video[view]), ("", strip))]
    height, cell = images.shape[2] / images.shape[3], (width - 0.25) / len(moments)
    matplotlib, figure = _figure(width, cell * height * len(rows) + 0.2)
    with matplotlib.rc_context(STYLE):
        grid = figure.subplots(len(rows), len(moments), squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
        for (name, strip), line in zip(rows, grid):
            for moment, axes in zip(moments, line):
                axes.imshow(strip[moment], interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            line[0].set_ylabel(name)
        for moment, axes in zip(moments, grid[0]):
            axes.set_title(f"t = {moment}", pad=2)
    return figure


def plot_trajectory(
    actions: ArrayLike,
    truth: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    *,
    axes: Sequence[Axes] | None = None,
    width: float = ONE_COLUMN,
    unit: str = "m",
) -> Figure:
    """Position, rotation since the first frame (of the truth, if given) and openness over the frames.

    actions, truth: (T, 7); truth is drawn thin and black. Frames that are NaN are gaps. confidence: (T,), 0..1, drawn
    beside the openness. axes: three, for position, rotation, openness. unit: of the positions.
    """
    actions = _numbers("plot_trajectory", "actions", actions, (None, 7))
    truth = None if truth is None else _numbers("plot_trajectory", "truth", truth, (None, 7))
    if confidence is not None:
        confidence = _numbers("plot_trajectory", "confidence", confidence, actions.shape[:1])
    matplotlib, figure = (_matplotlib(), axes[0].figure) if axes is not None else _figure(width, 0.95 * width + 0.6)
    with matplotlib.rc_context(STYLE):
        if axes is None:
            axes = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 3, 2]})
        turned = np.degrees(rotation_since_first(actions, truth))
        true_turns = None if truth is None else np.degrees(rotation_since_first(truth))
        _three_lines(axes[0], actions[:, :3], None if truth is None else truth[:, :3], f"position [{unit}]")
        _three_lines(axes[1], turned, true_turns, "rotation [°]")
        _shares(axes[2], actions[:, 6], truth, confidence)
        axes[2].set_xlabel("frame")
        _legend(axes[0])
        if confidence is not None:
            _legend(axes[2])
    return figure


def plot_trajectory_3d(
    actions: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    rig: Rig | None = None,
    axes: Any = None,
    width: float = ONE_COLUMN,
    axis_length: float = 0.03,
    poses: int = 6,
    unit: str = "m",
) -> Figure:
    """The path in the colours of time, with the gripper's axes at `poses` frames (x, y, z in their colours).

    actions, truth: (T, 7); truth is a dashed black line. rig: its cameras are drawn as pyramids. axes: of the
    projection "3d". axis_length: of the gripper's axes [unit].
    """
    _matplotlib()
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    actions = _numbers("plot_trajectory_3d", "actions", actions, (None, 7))
    truth = None if truth is None else _numbers("plot_trajectory_3d", "truth", truth, (None, 7))
    known = actions[np.isfinite(actions[:, :6]).all(axis=1)]
    matplotlib, figure = (_matplotlib(), axes.figure) if axes is not None else _figure(width, width)
    with matplotlib.rc_context(STYLE):
        axes = axes if axes is not None else figure.add_subplot(projection="3d")
        steps = np.stack([actions[:-1, :3], actions[1:, :3]], axis=1)
        colours = time_colours(max(2, len(actions)))[: len(steps)] / 255
        whole = np.isfinite(steps).all(axis=(1, 2))
        if whole.any():
            axes.add_collection3d(Line3DCollection(steps[whole], colors=colours[whole], linewidths=2))
        if truth is not None:
            axes.plot(*truth[:, :3].T, color="black", linewidth=0.8, linestyle="--", label="truth")
            axes.legend(loc="upper left")
        for index in np.unique(np.linspace(0, len(known) - 1, min(poses, len(known))).round().astype(int)):
            rotation = rotation_from_euler(known[index, 3:6])
            for column, name in enumerate("xyz"):
                ends = np.stack([known[index, :3], known[index, :3] + axis_length * rotation[:, column]])
                axes.plot(*ends.T, color=COLOURS[name], linewidth=1)
        _frame_of_3d(axes, _corners(known, truth, rig, axes, axis_length), unit)
    return figure


def plot_confidence(
    confidence: ArrayLike,
    error: ArrayLike,
    *,
    bins: int = 8,
    axes: Axes | None = None,
    width: float = ONE_COLUMN,
    label: str = "position error [mm]",
) -> Figure:
    """Confidence against error: every frame as a dot; medians and quartiles of `bins` equally full bins.

    confidence: (N,), 0..1. error: (N,) >= 0, on a logarithmic axis; pairs that are not finite are left out, zeros are
    drawn at the smallest error that is not zero. label: of the error.
    """
    error = _numbers("plot_confidence", "error", error, (None,))
    confidence = _numbers("plot_confidence", "confidence", confidence, error.shape)
    known = np.isfinite(confidence) & np.isfinite(error)
    confidence, error = confidence[known], error[known]
    if (error < 0).any() or not len(error):
        got = "no finite pair" if not len(error) else f"{error.min():g}"
        raise ValueError(f"[presentation::plot_confidence] error: expected finite values >= 0, got {got}")
    error = np.maximum(error, error[error > 0].min() if (error > 0).any() else 1e-9)
    matplotlib, figure = (_matplotlib(), axes.figure) if axes is not None else _figure(width, 0.75 * width)
    with matplotlib.rc_context(STYLE):
        axes = axes if axes is not None else figure.add_subplot()
        axes.plot(confidence, error, ".", markersize=3, alpha=0.5, color=COLOURS["dots"], markeredgewidth=0,
                  label="frames", rasterized=len(error) > MANY)  # fmt: skip
        parts = [part for part in np.array_split(np.argsort(confidence, kind="stable"), bins) if len(part)]
        low, middle, high = np.array([np.percentile(error[part], [25, 50, 75]) for part in parts]).T
        at = [np.median(confidence[part]) for part in parts]
        axes.errorbar(at, middle, [middle - low, high - middle], color="black", marker="o", markersize=3, capsize=2,
                      linewidth=1, elinewidth=0.8, label="median, quartiles")  # fmt: skip
        axes.set(yscale="log", xlabel="confidence", ylabel=label, xlim=(-0.03, 1.03))
        axes.legend(loc="best")
    return figure


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        text = "expected the package matplotlib (pip install 'action-images[plots]'), got none"
        raise ImportError(f"[presentation::plots] figure: {text}") from error
    return matplotlib


def _figure(width: float, height: float) -> tuple[Any, Figure]:
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    return matplotlib, Figure(figsize=(width, height), dpi=200, layout="constrained")


def _pictures(argument: str, images: ArrayLike) -> np.ndarray:
    images = np.asarray(images)
    if np.issubdtype(images.dtype, np.floating):
        images = (images.clip(0, 1) * 255).round().astype(np.uint8)
    return check_frames("presentation::plot_action_strip", argument, images, 5)


def _moments(frames: Sequence[int] | None, count: int) -> list[int]:
    if frames is None:
        return np.unique(np.linspace(0, count - 1, min(8, count)).round().astype(int)).tolist()
    moments = [int(frame) for frame in frames]
    if not moments or min(moments) < 0 or max(moments) >= count:
        raise ValueError(f"[presentation::plot_action_strip] frames: expected numbers in 0..{count - 1}, got {moments}")
    return moments


def _name(names: Sequence[str] | None, view: int, count: int) -> str:
    if names is not None and len(names) != count:
        raise ShapeError(f"[presentation::plot_action_strip] names: expected {count}, got {len(names)}")
    return (names[view] if names is not None else f"view {view}").replace("_", " ")


def _numbers(function: str, argument: str, values: ArrayLike, shape: tuple) -> np.ndarray:
    values = np.asarray(values, np.float64)
    fits = values.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, values.shape))
    if not fits or not len(values):
        expected = str(tuple("T" if side is None else side for side in shape)).replace("'", "")
        raise ShapeError(f"[presentation::{function}] {argument}: expected {expected}, got {values.shape}")
    return values


def _three_lines(axes: Axes, values: np.ndarray, truth: np.ndarray | None, label: str) -> None:
    for index, (name, dashes) in enumerate(zip("xyz", ("-", (0, (5, 1.5)), (0, (2, 1))))):
        if truth is not None:
            axes.plot(truth[:, index], color="black", linewidth=0.7, label="truth")
        axes.plot(values[:, index], color=COLOURS[name], linestyle=dashes, label=name)
    axes.set_ylabel(label)


def _shares(axes: Axes, openness: np.ndarray, truth: np.ndarray | None, confidence: np.ndarray | None) -> None:
    if truth is not None:
        axes.plot(truth[:, 6], color="black", linewidth=0.7, label="truth")
    axes.plot(openness, color=COLOURS["openness"], label="openness")
    if confidence is not None:
        axes.plot(confidence, color=COLOURS["confidence"], linestyle=(0, (1, 1)), label="confidence")
    axes.set(ylim=(-0.06, 1.06), ylabel="share" if confidence is not None else "openness")


def _legend(axes: Axes) -> None:
    """One line above the axes; "truth" once and last."""
    handles = {label: handle for handle, label in zip(*axes.get_legend_handles_labels())}
    labels = sorted(handles, key=lambda label: label == "truth")
    axes.legend([handles[label] for label in labels], labels, ncols=4, loc="lower left", bbox_to_anchor=(0, 1),
                columnspacing=1, handlelength=1.8, borderaxespad=0.2)  # fmt: skip


def _corners(known: np.ndarray, truth: np.ndarray | None, rig: Rig | None, axes: Any, length: float) -> np.ndarray:
    """All points that have to be in sight; draws the cameras on the way."""
    points = [known[:, :3], *([action_points(known, length).reshape(-1, 3)] if len(known) else [])]
    if truth is not None:
        points.append(truth[np.isfinite(truth[:, :3]).all(axis=1), :3])
    if rig is not None:
        middle = np.median(known[:, :3], axis=0) if len(known) else np.zeros(3)
        depth = 0.16 * min(np.linalg.norm(camera.world_from_camera[:3, 3] - middle) for camera in rig)
        for camera in rig:
            centre, corners = frustum(camera, depth)
            for ends in [*((centre, corner) for corner in corners), *zip(corners, np.roll(corners, -1, axis=0))]:
                axes.plot(*np.stack(ends).T, color="0.35", linewidth=0.7)
            points += [centre[None], corners]
    return np.vstack(points)


def _frame_of_3d(axes: Any, points: np.ndarray, unit: str) -> None:
    """Equal scales on all three axes, around the points. No side is shorter than half of the longest, where the numbers
    of one axis would lie on those of another."""
    sides = np.ones(3)
    if len(points):
        middle, sides = (points.min(axis=0) + points.max(axis=0)) / 2, 1.06 * np.ptp(points, axis=0)
        sides = np.maximum(sides, max(0.5 * sides.max(), 1e-3))
        for name, centre, side in zip("xyz", middle, sides):
            getattr(axes, f"set_{name}lim")(centre - side / 2, centre + side / 2)
        axes.set_box_aspect(sides, zoom=0.8)
    for name, share in zip("xyz", sides / sides.max()):
        axis = getattr(axes, f"{name}axis")
        axis.set_major_locator(_matplotlib().ticker.MaxNLocator(max(1, round(4 * share))))
        axis.set_pane_color((1, 1, 1, 0))
        getattr(axes, f"set_{name}label")(f"{name} [{unit}]")
