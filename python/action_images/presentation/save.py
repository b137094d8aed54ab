# SPDX-License-Identifier: Apache-2.0
"""A rollout on disk: videos, trajectory, 3-D scene, settings, contact sheet and report in one folder."""

import io
import json

from action_images.presentation.contact_sheet import draw_record
from action_images.presentation.files import default_write_video, filled_folder, write_durably
from action_images.presentation.optional import optional_package
from action_images.presentation.panels import panel, upscale
from action_images.presentation.point_cloud_file import ply_bytes, trajectory_cloud
from action_images.presentation.record import RolloutRecord, plain
from action_images.presentation.report import report_text
from action_images.presentation.report_parts import subtitle_of, title_of
from action_images.presentation.scene_glb import glb_bytes
from action_images.presentation.trajectory_text import trajectory_text

WHERE = "presentation::save_rollout"


def save_rollout(directory, rollout, *, write_video=None, fps=None):
    """Writes everything a rollout holds into `directory` (made if missing; files of the same names are replaced).

    view_N_video.mp4, view_N_action.mp4   the frames at their own size; no video if none was made
    view_N_panel.mp4                      [video | action image | blend], enlarged to at least 256 px
    trajectory.csv                        x, y, z [m], ex, ey, ez [rad], openness, confidence; one row per frame
    trajectory.ply                        the path as points, blue (first frame) to red (last); not if all are NaN
    scene.ply                             the points of the scene
    scene.glb                             cameras, points, path and gripper frames, see presentation/scene_glb.py
    rollout.json                          settings, timings [s], confidence, cameras, the names of the files
    contact_sheet.png, report.html

    rollout: attributes video (V, T, H, W, 3) uint8, action_images (the same shape or None), actions (T, 7) or None,
    confidence (T,), rig (cameras or None), scene (PointCloud or None), settings, timings; see `RolloutRecord.of`. What is
    None is left out.
    write_video(path, frames, fps=, crf=): the default is `action_images._model.write_video`.
    fps: of the videos; the default makes a clip of about three seconds (or the settings' "fps").

    All files are made under temporary names first; when one fails, none appears. Returns the list of file names.
    Raises ValueError naming the folder if it cannot be written; ShapeError if the rollout does not fit together;
    ImportError, before anything is made, if there is a scene and no trimesh.
    """
    record = RolloutRecord.of(rollout)
    if record.has_scene:
        optional_package("trimesh", "model", WHERE)
    write_video = write_video or default_write_video()
    fps = float(fps or record.viewing_rate())
    with filled_folder(directory, WHERE) as folder:
        _write_videos(folder, record, write_video, fps)
        if record.actions is not None:
            write_durably(folder / "trajectory.csv", trajectory_text(record))
        _write_scene(folder, record)
        sheet = draw_record(record, title=title_of(record), subtitle=subtitle_of(record))
        write_durably(folder / "contact_sheet.png", png_bytes(sheet))
        files = sorted([*(file.name for file in folder.iterdir()), "rollout.json"])
        write_durably(folder / "report.html", report_text(record, write_video, files=files))
        names = sorted([*files, "report.html"])
        write_durably(folder / "rollout.json", json.dumps(description(record, fps, names), indent=2) + "\n")
    return names


def _write_scene(folder, record):
    for name, cloud in (("trajectory.ply", trajectory_cloud(record)), ("scene.ply", record.scene)):
        if cloud is not None and len(cloud):
            write_durably(folder / name, ply_bytes(cloud))
    if record.has_scene:
        write_durably(folder / "scene.glb", glb_bytes(record))


def png_bytes(image):
    """An (H, W, 3) uint8 picture as the bytes of a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _write_videos(folder, record, write_video, fps):
    for view in range(record.views):
        video = record.video[view]
        if not record.still:
            write_video(folder / f"view_{view}_video.mp4", video, fps=fps, crf=14)
        if record.action_images is not None:
            action = record.action_images[view]
            write_video(folder / f"view_{view}_action.mp4", action, fps=fps, crf=14)
            write_video(folder / f"view_{view}_panel.mp4", upscale(panel(video, action)), fps=fps, crf=18)


def _moving_cameras(record):
    """Per view the cameras of all frames."""
    return [
        [{name: plain(getattr(camera, name)) for name in ("intrinsics", "world_from_camera")} for camera in cameras]
        for cameras in record.moving
    ]


def description(record, fps, names):
    """What rollout.json holds."""
    views, frames, height, width, _ = record.video.shape
    return {
        "format": "action-images-rollout",
        "version": 1,
        "instruction": record.instruction,
        "shape": {"views": views, "frames": frames, "height": height, "width": width},
        "fps": fps,
        "settings": plain(record.settings),
        "seed": plain(record.settings.get("seed")),
        "timings": plain(record.timings),
        "confidence": plain(record.confidence),
        "actions": plain(record.actions),
        "goal": plain(record.goal),
        "blocks": plain(record.blocks),
        "cameras": [camera.as_json() for camera in record.cameras],
        **({"moving_cameras": _moving_cameras(record)} if record.moving else {}),
        "files": names,
    }
