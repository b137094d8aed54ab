# SPDX-License-Identifier: Apache-2.0
"""One HTML file that shows a rollout: players that move together, the scene in 3-D, its course, settings and files.

The file needs no network and forbids itself to use one: videos, data, plotly and the page's own style and script are
inside.
"""

import base64
import json
import tempfile
from functools import cache
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from string import Template

from action_images.presentation.courses import PANELS, course_traces
from action_images.presentation.figures import axis_segments, bounds, frusta, packed_cloud, scene_traces, viewpoint
from action_images.presentation.files import default_write_video, replaced_file, write_durably
from action_images.presentation.geometry import time_colour
from action_images.presentation.mosaic import layout_of, mosaic_frames
from action_images.presentation.optional import optional_package
from action_images.presentation.record import RolloutRecord, plain
from action_images.presentation.report_parts import downloads, key, note, players, subtitle_of, tables, tiles, title_of

WHERE = "presentation::write_report"
LARGEST_REPORT = 8_000_000  # bytes
QUALITIES = (18, 24, 30, 36)  # crf, the first that keeps the report small enough is taken
SMALLEST_TILE = 64  # px; pictures are made smaller down to this where no quality is enough
MOST_PATH_POINTS = 60_000  # of paths over moving cameras; longer ones are left out


def write_report(path, rollout, *, write_video=None):
    """Writes the report of a rollout (see `RolloutRecord.of`; a mapping will do) to `path`, complete or not at all.

    write_video(path, frames, fps=, crf=): the default is `action_images._model.write_video`. The file stays under
    8 MB: long or large videos are compressed harder, then made smaller. Raises ValueError naming the file if it cannot
    be written.
    """
    text = report_text(RolloutRecord.of(rollout), write_video or default_write_video())
    with replaced_file(path, WHERE) as temporary:
        write_durably(temporary, text)


def report_text(record, write_video, *, files=()):
    """The report's HTML as text. files: names of those that will lie beside it, to be linked."""
    layout = layout_of(record)
    room = (LARGEST_REPORT - len(_page(record, layout, "", files).encode())) * 3 // 4
    video, layout = _mosaic_bytes(record, layout, write_video, room)
    return _page(record, layout, base64.b64encode(video).decode(), files)


def _page(record, layout, mosaic, files):
    return Template(_resource("report.html")).substitute(
        title=escape(title_of(record)),
        subtitle=escape(subtitle_of(record)),
        note=note(record),
        style=_resource("report.css"),
        tiles=tiles(record),
        players=players(record),
        downloads=downloads(record, files),
        tables=tables(record),
        mosaic=mosaic,
        key=key() if record.actions is not None else "",
        data=_script_json(_data(record, layout)),
        plotly=_plotly() if record.actions is not None or record.cameras or record.scene is not None else "",
        script=_resource("report.js"),
        scene_script=_resource("report_scene.js"),
        course_script=_resource("report_course.js"),
    )


@cache
def _resource(name):
    return resources(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly():
    return optional_package("plotly.offline", "model", WHERE).get_plotlyjs()


def _script_json(value):
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")


def _mosaic_bytes(record, layout, write_video, room):
    """The mosaic's mp4 and its layout: the best quality, then the largest size that `room` [bytes] has space for."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mosaic.mp4"
        qualities = QUALITIES
        while True:
            frames = mosaic_frames(record, layout)
            for crf in qualities:
                write_video(file, frames, fps=record.viewing_rate(), crf=crf)
                if file.stat().st_size <= room:
                    return file.read_bytes(), layout
            if min(layout.tile) < 2 * SMALLEST_TILE:
                return file.read_bytes(), layout
            layout, qualities = layout_of(record, 2 * layout.reduction), QUALITIES[-1:]


def _data(record, layout):
    """What the page's script reads."""
    return plain({
        "views": record.views,
        "frames": record.frames,
        "fps": record.viewing_rate(),
        "tile": layout.tile,
        "enlarged": layout.enlarged,
        "places": {"video": layout.video, "action": layout.action},
        "paths": _paths(record),
        "colours": [time_colour(t / max(1, record.frames - 1)) for t in range(record.frames)],
        "unit": record.unit,
        "estimated": record.estimated is not None,
        "scene": scene_traces(record),
        "frusta": frusta(record).round(6) if record.moving else [],
        "cloud": packed_cloud(record),
        "bounds": bounds(record),
        "viewpoint": viewpoint(record),
        "panels": PANELS,
        "courses": course_traces(record),
        "positions": record.positions,
        "axes": {} if record.actions is None else {name: ends[:, 1] for name, ends in axis_segments(record).items()},
    })


def _paths(record):
    """Per view the path as fractions of width and height, (V, 1, T, 2), or (V, T, T, 2) if the cameras move.

    [] when it is not known, or too long for moving cameras.
    """
    cameras = record.moving or [[camera.camera] for camera in record.cameras]
    if record.actions is None or sum(map(len, cameras)) * record.frames > MOST_PATH_POINTS:
        return []
    return [
        [(camera.project(record.positions) / [camera.width, camera.height]).round(4) for camera in path]
        for path in cameras
    ]
