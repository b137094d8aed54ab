# SPDX-License-Identifier: Apache-2.0
"""Options that bring cameras of arbitrary scale and frame into metres, and into the robot's frame."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np

from .. import (
    AlignedRig,
    NumericalError,
    RefinedRig,
    Rig,
    Similarity,
    align_to_gripper,
    load_rig,
    load_trajectory,
    pixels_from_action_images,
    refine_cameras,
    scale_from_camera_distance,
    similarity_from_rigs,
)
from .arguments import ACTION, VIEW_ACTION, Parser, add_codec_options, number
from .frames import read_frames

WHERE = "cli::rescale"
SOURCES = "action images: a .npy file, a folder of view_V_FFFF.png, or one video per view"


def add_scale_options(parser: Parser, *, required: bool = False) -> None:
    """--distance, --gripper, --trajectory, --robot-frame, of which one may (or has to) be given, and what belongs to
    them; with `add_codec_options`."""
    group = parser.add_argument_group("scale and frame", "One of the first four; the cameras then are in metres.")
    ways = group.add_mutually_exclusive_group(required=required)
    ways.add_argument("--distance", nargs=3, metavar=("VIEW", "VIEW", "METRES"), help="between two views' cameras")
    ways.add_argument("--gripper", type=number, nargs=7, metavar=ACTION, help="where it is [m, rad]; with --view-action")
    ways.add_argument("--trajectory", type=Path, metavar="FILE", help="known actions (CSV); with --action-images")
    ways.add_argument("--robot-frame", type=Path, metavar="FILE", help="rig.json: where the same cameras are known to be")
    add = group.add_argument
    add("--view-action", type=number, nargs=7, action="append", metavar=VIEW_ACTION, help="of --gripper, once per view [px]")
    add("--action-images", type=Path, nargs="+", metavar="PATH", help=f"of --trajectory, {SOURCES}")
    add("--as-a-whole", action="store_true", help="with --trajectory: move the rig, leave the cameras as they are to each other")
    add("--refine-focal", choices=("fixed", "shared", "per_view"), default="fixed", help="with --trajectory; default: fixed")
    add("--pixel-error", type=number, default=1.0, metavar="PX", help="to be expected of pixels; default: %(default)s")
    add_codec_options(parser)


def is_asked_for(arguments: Namespace) -> bool:
    """Whether one of the four ways is given."""
    ways = (arguments.distance, arguments.gripper, arguments.trajectory, arguments.robot_frame)
    return any(way is not None for way in ways)


def rescaled(rig: Rig, points: np.ndarray | None, arguments: Namespace) -> tuple[Rig, np.ndarray | None, str]:
    """The rig, and points (N, 3) of its frame, after what `add_scale_options` asks for; and a report with the residual.

    Without such an option all stay as they are, and the report is empty.
    """
    if arguments.distance is not None:
        similarity, report = _by_distance(rig, arguments.distance)
        aligned = similarity.rig(rig)
    elif arguments.gripper is not None:
        aligned, similarity, report = _by_gripper(rig, arguments)
    elif arguments.trajectory is not None:
        aligned, similarity, report = _by_trajectory(rig, arguments)
    elif arguments.robot_frame is not None:
        similarity, report = _by_rig(rig, load_rig(arguments.robot_frame))
        aligned = similarity.rig(rig)
    else:
        return rig, points, ""
    if points is not None:
        if similarity is None:
            raise NumericalError(f"[{WHERE}] points: expected cameras in two places, got none that tell a scale")
        points = similarity.points(points)
    return aligned, points, report


def _by_distance(rig: Rig, distance: list[str]) -> tuple[Similarity, str]:
    first, second = (_view(rig, name) for name in distance[:2])
    try:
        metres = float(distance[2])
    except ValueError as error:
        raise ValueError(f'[{WHERE}] --distance: expected a length in metres, got "{distance[2]}"') from error
    similarity = scale_from_camera_distance(rig, first, second, metres)
    return similarity, f"scale {similarity.scale:.6g} from one distance: no residual, its error is the scale's"


def _view(rig: Rig, name: str) -> int:
    """A view by its name or number."""
    if name in rig.names:
        return rig.names.index(name)
    if not name.isdigit() or int(name) >= len(rig):
        raise ValueError(f'[{WHERE}] --distance: expected a view of {", ".join(rig.names)}, got "{name}"')
    return int(name)


def _by_gripper(rig: Rig, arguments: Namespace) -> tuple[Rig, Similarity, str]:
    seen = arguments.view_action or []
    if len(seen) != len(rig):
        raise ValueError(f"[{WHERE}] --view-action: expected one for each of {len(rig)} views, got {len(seen)}")
    aligned = align_to_gripper(
        rig, seen, arguments.gripper, arguments.convention, arguments.axis_length, pixel_error=arguments.pixel_error
    )
    return aligned.rig, aligned.similarity, alignment_report(aligned)


def _by_trajectory(rig: Rig, arguments: Namespace) -> tuple[Rig, Similarity | None, str]:
    if arguments.action_images is None:
        raise ValueError(f"[{WHERE}] --action-images: expected those that show --trajectory, got none")
    actions = load_trajectory(arguments.trajectory)
    images = read_frames(arguments.action_images)
    rig, size = _of_size(rig, *images.shape[2:4])
    pixels = pixels_from_action_images(images, arguments.convention, arguments.sigma)
    given = (rig, pixels, actions, arguments.convention, arguments.axis_length)
    if arguments.as_a_whole:
        aligned = align_to_gripper(*given, pixel_error=arguments.pixel_error)
        return aligned.rig, aligned.similarity, alignment_report(aligned) + size
    refined = refine_cameras(*given, focal=arguments.refine_focal, pixel_error=arguments.pixel_error)
    return refined.rig, refined.similarity, refinement_report(refined) + size


def _of_size(rig: Rig, height: int, width: int) -> tuple[Rig, str]:
    """The rig for pictures that are cropped and resized as a model's are, and a line that says so if it is another."""
    if (rig.height, rig.width) == (height, width):
        return rig, ""
    return rig.center_crop_resize(height, width), f"\nthe cameras are of {width} x {height} px, as the action images"


def _by_rig(rig: Rig, known: Rig) -> tuple[Similarity, str]:
    fit = similarity_from_rigs(rig, known)
    residual = f"{1000 * fit.rms:.3g} mm rms, {1000 * fit.largest:.3g} mm at most, {np.degrees(fit.rotation_rms):.3g} degrees rms"
    return fit.similarity, f"scale {fit.similarity.scale:.6g}; cameras are off by {residual}"


def alignment_report(aligned: AlignedRig) -> str:
    """Scale, residual and uncertainty of an alignment, two lines."""
    counted = f"{int(aligned.inliers.sum())} of {aligned.inliers.size} points"
    return (
        f"scale {aligned.similarity.scale:.6g} +- {100 * aligned.scale_error:.2g} %; residual {aligned.rms_px:.3g} px rms"
        f" ({aligned.largest_px:.3g} at most), {aligned.rms_mm:.3g} mm rms, of {counted}\n"
        f"standard deviation: position {1000 * aligned.position_error:.2g} mm,"
        f" rotation {np.degrees(aligned.rotation_error):.2g} degrees" + _warning(aligned.converged)
    )


def refinement_report(refined: RefinedRig) -> str:
    """One line for every view, and the scale."""
    lines = [] if refined.similarity is None else [f"scale {refined.similarity.scale:.6g}"]
    for view, name in enumerate(refined.rig.names):
        focal = f", focal length {100 * refined.focal_error[view]:.2g} %" if refined.focal_error[view] > 0 else ""
        lines.append(
            f"{name}: residual {refined.rms_before[view]:.3g} -> {refined.rms_after[view]:.3g} px rms,"
            f" {int(refined.inliers[view].sum())} of {refined.seen[view]} points; standard deviation:"
            f" position {1000 * refined.position_error[view]:.2g} mm,"
            f" rotation {np.degrees(refined.rotation_error[view]):.2g} degrees{focal}"
        )
    return "\n".join(lines) + _warning(refined.converged)


def _warning(converged: bool) -> str:
    return "" if converged else "\nnot converged: the cameras may be off by more"
