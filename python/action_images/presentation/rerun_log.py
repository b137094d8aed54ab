# SPDX-License-Identifier: Apache-2.0
"""A rollout in rerun: everything on one time line, `frame`. Needs rerun-sdk.

    world                            the frame of the cameras
    world/points, world/trajectory   the scene's points; the path from blue (first frame) to red (last)
    world/gripper                    axes at the frame: x red, y green, z blue; nothing where it is NaN
    world/cameras/view_N             pinhole camera (its lens' distortion is left out), with .../video on its plane
    action_images/view_N             action images
    action/position|rotation/...     numbers of the frame [m, rad]; action/openness, action/confidence
    settings                         instruction, settings and timings as text

Without cameras the pictures are under video/view_N.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import numpy as np

from action_images import Camera, rotation_from_euler
from action_images.presentation.files import replaced_file
from action_images.presentation.geometry import blue_to_red
from action_images.presentation.optional import optional_package
from action_images.presentation.record import RolloutRecord, plain
from action_images.presentation.scene_frame import size_of, up_of
from action_images.presentation.scene_meshes import AXES

WHERE = "presentation::write_rrd"
APPLICATION = "action-images"
TIME_LINE = "frame"
JPEG_QUALITY = 92


def write_rrd(path: str | os.PathLike, rollout: object, *, progress: Callable[[int], object] = lambda count: None) -> None:
    """Writes a rollout (see `RolloutRecord.of`) as an .rrd file of rerun, complete or not at all.

    progress(count): called with 1 after every frame. Raises ValueError naming the file if it cannot be written.
    """
    record = RolloutRecord.of(rollout)
    recording = new_recording()
    with replaced_file(path, WHERE) as temporary:
        temporary.touch()  # a folder that does not take it is named here
        try:
            recording.save(temporary, default_blueprint=blueprint(record))
            log_rollout(record, recording, progress=progress)
        finally:
            recording.disconnect()
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())


def new_recording():
    """A rerun.RecordingStream of its own, without other time lines."""
    rerun = optional_package("rerun", "view", WHERE)
    recording = rerun.RecordingStream(APPLICATION)
    rerun.set_log_time_enabled(False, recording=recording)
    rerun.set_log_tick_enabled(False, recording=recording)
    return recording


def log_rollout(record: object, recording: object, *, progress: Callable[[int], object] = lambda count: None) -> None:
    """Logs a rollout to a rerun.RecordingStream; progress(count) is called with 1 after every frame."""
    rerun = optional_package("rerun", "view", WHERE)
    record = RolloutRecord.of(record)
    _log_fixed(rerun, record, recording)
    if record.actions is not None:
        _log_numbers(rerun, record, recording)
    length = 0.07 * size_of(record)
    for frame in range(record.frames):
        recording.set_time(TIME_LINE, sequence=frame)
        for view in range(record.views):
            _log_view(rerun, record, recording, view, frame)
        if record.actions is not None:
            recording.log("world/gripper", _gripper(rerun, record.actions[frame], length), strict=True)
        progress(1)


def blueprint(record: RolloutRecord):
    """What the viewer shows at first: the scene, the pictures of every view, the course of the numbers."""
    rrb = optional_package("rerun.blueprint", "view", WHERE)
    pictures = []
    for view in range(record.views):
        pictures.append(rrb.Spatial2DView(origin=_video(record, view), name=f"view {view}"))
        if record.action_images is not None:
            pictures.append(rrb.Spatial2DView(origin=f"action_images/view_{view}", name=f"action images {view}"))
    columns = [rrb.Grid(*pictures, grid_columns=1 if record.action_images is None else 2)]
    if record.has_scene:
        columns.insert(0, rrb.Spatial3DView(origin="world", name="scene"))
    main = rrb.Horizontal(*columns)
    if record.actions is not None:
        main = rrb.Vertical(main, rrb.TimeSeriesView(origin="action", name="actions"), row_shares=[3, 1])
    return rrb.Blueprint(main, rrb.TimePanel(timeline=TIME_LINE), collapse_panels=True)


def _video(record, view):
    return f"world/cameras/view_{view}/video" if record.cameras else f"video/view_{view}"


def _log_fixed(rerun, record, recording):
    """What does not change with the frame."""
    up = up_of(record)
    axes = rerun.ViewCoordinates.RDF if up[1] < 0 else rerun.ViewCoordinates.RIGHT_HAND_Z_UP
    recording.log("world", axes, static=True, strict=True)
    about = {"instruction": record.instruction, "settings": plain(record.settings), "timings [s]": plain(record.timings)}
    text = f"```json\n{json.dumps(about, indent=2, ensure_ascii=False)}\n```"
    recording.log("settings", rerun.TextDocument(text, media_type="text/markdown"), static=True, strict=True)
    if record.scene is not None and len(record.scene):
        points = rerun.Points3D(record.scene.points, colors=record.scene.colors, radii=0.002 * size_of(record))
        recording.log("world/points", points, static=True, strict=True)
    strips, colours = _strips(record)
    if len(strips):
        path = rerun.LineStrips3D(strips, colors=colours, radii=0.004 * size_of(record))
        recording.log("world/trajectory", path, static=True, strict=True)
    for view in range(len(record.cameras) if not record.moving else 0):
        _log_camera(rerun, recording, view, record.camera(view, 0), size_of(record), static=True)


def _strips(record):
    """The path as (N, 2, 3) pieces from frame to frame with their colours (N, 3); none beside NaN."""
    if record.positions is None:
        return np.zeros((0, 2, 3)), np.zeros((0, 3), np.uint8)
    pieces = np.stack([record.positions[:-1], record.positions[1:]], axis=1)
    known = np.isfinite(pieces).all(axis=(1, 2))
    return pieces[known], blue_to_red(record.frames)[1:][known]


def _log_camera(rerun, recording, view, camera: Camera, size, static):
    """Pose and pinhole; cameras with two negative focal lengths as the same rays with positive ones."""
    if (np.diag(camera.intrinsics)[:2] < 0).all():
        camera = camera.mirrored()
    pose, path = camera.world_from_camera, f"world/cameras/view_{view}"
    recording.log(path, rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]), static=static, strict=True)
    if (np.diag(camera.intrinsics)[:2] > 0).all():  # one negative: a mirror image, which rerun has no pinhole for
        pinhole = rerun.Pinhole(
            image_from_camera=camera.intrinsics,
            resolution=[camera.width, camera.height],
            camera_xyz=rerun.ViewCoordinates.RDF,
            image_plane_distance=0.25 * size,
        )
        recording.log(path, pinhole, static=static, strict=True)


def _log_view(rerun, record, recording, view, frame):
    if record.moving:
        _log_camera(rerun, recording, view, record.camera(view, frame), size_of(record), static=False)
    if not record.still or frame == 0:
        recording.log(_video(record, view), _picture(rerun, record.video[view, frame]), strict=True)
    if record.action_images is not None:
        recording.log(f"action_images/view_{view}", _picture(rerun, record.action_images[view, frame]), strict=True)


def _picture(rerun, frame):
    return rerun.Image(np.ascontiguousarray(frame)).compress(jpeg_quality=JPEG_QUALITY)


def _gripper(rerun, action, length):
    """The axes of one action, or none if it is NaN."""
    if not np.isfinite(action[:6]).all():
        return rerun.Arrows3D(vectors=np.zeros((0, 3)), origins=np.zeros((0, 3)))
    vectors = length * rotation_from_euler(action[3:6]).T
    origins = np.tile(action[:3], (3, 1))
    return rerun.Arrows3D(vectors=vectors, origins=origins, colors=list(AXES.values()), radii=0.03 * length)


def _log_numbers(rerun, record, recording):
    courses = {f"action/position/{name}": record.actions[:, index] for index, name in enumerate("xyz")}
    courses |= {f"action/rotation/e{name}": record.actions[:, 3 + index] for index, name in enumerate("xyz")}
    courses["action/openness"] = record.actions[:, 6]
    if record.confidence is not None:
        courses["action/confidence"] = record.confidence
    for path, values in courses.items():
        frames = np.flatnonzero(np.isfinite(values))
        if len(frames):
            recording.send_columns(
                path, [rerun.TimeColumn(TIME_LINE, sequence=frames)], rerun.Scalars.columns(scalars=values[frames]), strict=True
            )
