# SPDX-License-Identifier: Apache-2.0
"""One HTML file that shows a rollout: players that move together, the path in 3-D, its course, the settings.

The file needs no network: videos, data, plotly and the page's own style and script are inside.
"""

import base64
import json
import tempfile
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from action_images.presentation.figures import axis_segments, course_traces, scene_traces
from action_images.presentation.files import default_write_video, replaced_file, write_durably
from action_images.presentation.geometry import TIME_COLOURS, time_colour
from action_images.presentation.panels import upscale
from action_images.presentation.record import RolloutRecord, plain

WHERE = "presentation::write_report"
LARGEST_REPORT = 8_000_000  # bytes
QUALITIES = (18, 24, 30, 36)  # crf, the first that keeps the report small enough is taken


def write_report(path, rollout, *, write_video=None):
    """Writes the report of a rollout (see `RolloutRecord.of`; a mapping will do) to `path`, complete or not at all.

    write_video(path, frames, fps=, crf=): the default is `action_images._model.write_video`. The file stays under
    8 MB: long or large videos are compressed harder. Raises ValueError naming the file if it cannot be written.
    """
    text = report_text(RolloutRecord.of(rollout), write_video or default_write_video())
    with replaced_file(path, WHERE) as temporary:
        write_durably(temporary, text)


def report_text(record, write_video):
    """The report's HTML as text."""
    room = (LARGEST_REPORT - len(_page(record, mosaic="").encode())) * 3 // 4
    video = base64.b64encode(_mosaic_bytes(record, write_video, room)).decode()
    return _page(record, mosaic="data:video/mp4;base64," + video)


def title_of(record):
    """The instruction, or what else to call it."""
    return record.instruction or "Rollout without an instruction"


def subtitle_of(record):
    """Task, sizes and seed in one line."""
    views, frames, height, width, _ = record.video.shape
    parts = [f"{views} view{'s' * (views > 1)}", f"{frames} frames", f"{width} × {height} px"]
    parts[:0] = [f"task {record.settings['task']}"] if record.settings.get("task") else []
    parts += [f"seed {record.settings['seed']}"] if record.settings.get("seed") is not None else []
    return " · ".join(parts)


def _page(record, mosaic):
    return Template(_resource("report.html")).substitute(
        title=escape(title_of(record)),
        subtitle=escape(subtitle_of(record)),
        style=_resource("report.css"),
        tiles=_tiles(record),
        players=_players(record),
        tables=_tables(record),
        mosaic=mosaic,
        key=_key() if record.actions is not None else "",
        data=_script_json(_data(record)),
        plotly=_plotly() if record.actions is not None or record.cameras else "",
        script=_resource("report.js"),
    )


@cache
def _resource(name):
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly():
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _script_json(value):
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")


def _mosaic(record):
    """All players in one video, so that they cannot run apart: rows are views; columns video and action image."""
    shown = [record.video] if record.action_images is None else [record.video, record.action_images]
    rows = np.concatenate([upscale(frames) for frames in shown], axis=3)
    mosaic = np.concatenate(list(rows), axis=1)
    return np.pad(mosaic, [(0, 0), (0, mosaic.shape[1] % 2), (0, mosaic.shape[2] % 2), (0, 0)], mode="edge")


def _mosaic_bytes(record, write_video, room):
    mosaic = _mosaic(record)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mosaic.mp4"
        for crf in QUALITIES:
            write_video(file, mosaic, fps=record.viewing_rate(), crf=crf)
            if file.stat().st_size <= room:
                break
        return file.read_bytes()


def _data(record):
    """What the page's script reads."""
    height, width = upscale(record.video[0, 0]).shape[:2]
    return plain({
        "views": record.views,
        "frames": record.frames,
        "fps": record.viewing_rate(),
        "tile": [width, height],
        "hasActions": record.action_images is not None,
        "paths": _paths(record),
        "colours": [list(colour) for colour in _colours(record.frames)],
        "scene": scene_traces(record) if record.cameras or record.actions is not None else [],
        "courses": course_traces(record),
        "positions": record.positions,
        "axes": {} if record.actions is None else {key: value[:, 1] for key, value in axis_segments(record).items()},
    })


def _colours(frames):
    return [time_colour(t / max(1, frames - 1)) for t in range(frames)]


def _paths(record):
    """Per view the path as fractions of width and height, (V, T, 2); [] when it is not known or cameras move."""
    if record.actions is None or record.moving:
        return []
    return [
        camera.camera.project(record.positions) / [camera.width, camera.height] for camera in record.cameras
    ]


def _players(record):
    kinds = [("video", "Video")]
    if record.action_images is not None:
        kinds += [("action", "Action image"), ("blend", "Blend")]
    rows = []
    for view in range(record.views):
        name = record.cameras[view].name.replace("_", " ") if record.cameras else f"view {view}"
        for kind, label in kinds:
            rows.append(
                f'<figure><canvas data-view="{view}" data-kind="{kind}" role="img" '
                f'aria-label="{escape(label)}, {escape(name)}"></canvas>'
                f"<figcaption><b>{escape(label)}</b> {escape(name)}</figcaption></figure>"
            )
    return f'<div class="players columns-{len(kinds)}">{"".join(rows)}</div>'


def _key():
    """The colours of time."""
    stops = ", ".join("rgb({} {} {})".format(*colour) for colour in TIME_COLOURS)
    return f'<p class="key">first frame <i style="background: linear-gradient(90deg, {stops})"></i> last frame</p>'


def _tiles(record):
    """The numbers to see first."""
    tiles = []
    if record.actions is not None:
        x, y, z = record.actions[-1, :3]
        tiles.append(("Position at the end", f"{_millimetres(x)}, {_millimetres(y)}, {_millimetres(z)}", "mm"))
        tiles.append(("Openness at the end", _number(record.actions[-1, 6], 2), ""))
    if record.confidence is not None:
        tiles.append(("Mean confidence", _number(np.mean(record.confidence), 2), ""))
    if record.timings:
        seconds = record.timings.get("total", sum(v for v in record.timings.values() if isinstance(v, (int, float))))
        tiles.append(("Time", _number(seconds, 2), "s"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(unit)}</small></dd></div>"
        for name, value, unit in tiles
    )


def _millimetres(value):
    return f"{1000 * value:.0f}".replace("-", "−") if np.isfinite(value) else "–"


def _number(value, digits):
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def _tables(record):
    tables = [_table("Settings", record.settings.items())]
    timings = record.timings.items()
    rows = [(name, f"{value:.3f} s" if isinstance(value, float) else value) for name, value in timings]
    tables.append(_table("Timings", rows))
    tables.append(_table("Cameras", [(camera.name, _camera_text(camera)) for camera in record.cameras]))
    return "".join(tables)


def _camera_text(camera):
    x, y, z = camera.world_from_camera[:3, 3]
    return f"at ({x:.3f}, {y:.3f}, {z:.3f}) m, focal length {camera.intrinsics[0, 0]:.1f} px"


def _table(title, rows):
    cells = "".join(
        f"<tr><th scope=row>{escape(str(name).replace('_', ' '))}</th><td>{escape(_value_text(value))}</td></tr>"
        for name, value in rows
    )
    return f"<section class=card><h2>{escape(title)}</h2><table>{cells}</table></section>" if cells else ""


def _value_text(value):
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
