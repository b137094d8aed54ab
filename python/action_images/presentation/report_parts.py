# SPDX-License-Identifier: Apache-2.0
"""The parts of a report that are plain HTML: head, players, tables, links to files."""

import base64
import json
from html import escape
from pathlib import PurePath
from urllib.parse import quote

import numpy as np

from action_images._codec import text_from_rig
from action_images.presentation.geometry import TIME_COLOURS
from action_images.presentation.record import plain
from action_images.presentation.trajectory_text import trajectory_text

KINDS = {"video": "Video", "action": "Action image", "overlay": "Overlay"}
ESTIMATORS = {"vggt": "VGGT"}
TYPES = {".csv": "text/csv", ".json": "application/json"}


def title_of(record):
    """The instruction, or what else to call it."""
    return record.instruction or "Rollout without an instruction"


def subtitle_of(record):
    """Task, sizes and seed in one line."""
    views, frames, height, width, _ = record.video.shape
    parts = [f"{views} view{'s' * (views > 1)}", f"{frames} frame{'s' * (frames > 1)}", f"{width} × {height} px"]
    parts[:0] = [f"task {record.settings['task']}"] if record.settings.get("task") else []
    parts += [f"seed {record.settings['seed']}"] if record.settings.get("seed") is not None else []
    return " · ".join(parts)


def note(record):
    """What has to be known to read the numbers; empty with cameras that were measured."""
    if record.estimated is None:
        return ""
    how = record.estimated.get("estimated")
    by = f" by {ESTIMATORS.get(how, how)}" if isinstance(how, str) else ""
    text = f"The cameras were estimated from the pictures{by}. All lengths are in {record.unit}"
    text += "." if record.unit == "m" else ", which are not metres."
    metres = record.estimated.get("metres_per_unit")
    if record.unit != "m" and isinstance(metres, (int, float)) and np.isfinite(metres):
        text += f" By the gripper's axes in the action images one of them is about {metres:.3g} m."
    return f'<p class="note">{escape(text)}</p>'


def players(record):
    """A figure with a canvas for every view and kind of picture."""
    kinds = list(KINDS) if record.action_images is not None else ["video"]
    views = []
    for view in range(record.views):
        name = escape(record.cameras[view].name.replace("_", " ") if record.cameras else f"view {view}")
        figures = "".join(
            f'<figure class="{kind}"><canvas data-view="{view}" data-kind="{kind}" role="img" '
            f'aria-label="{_label(kind, record)}, {name}"></canvas>'
            f"<figcaption><b>{_label(kind, record)}</b> {name}</figcaption></figure>"
            for kind in kinds
        )
        views.append(f'<div class="view">{figures}</div>')
    few = " few" if record.views < 3 else ""
    return f'<div class="players kinds-{len(kinds)}{few}">{"".join(views)}</div>'


def _label(kind, record):
    return "First picture" if kind == "video" and record.still else KINDS[kind]


def key():
    """The colours of time."""
    stops = ", ".join("rgb({} {} {})".format(*colour) for colour in TIME_COLOURS)
    return f'<p class="key">first frame <i style="background: linear-gradient(90deg, {stops})"></i> last frame</p>'


def tiles(record):
    """The numbers to see first."""
    shown = []
    if record.actions is not None:
        shown.append(("Position at the end", *_position(record.actions[-1, :3], record.unit)))
        shown.append(("Openness at the end", _number(record.actions[-1, 6], 2), ""))
    if record.confidence is not None:
        shown.append(("Mean confidence", _number(np.mean(record.confidence), 2), ""))
    if record.timings:
        seconds = record.timings.get("total", sum(v for v in record.timings.values() if isinstance(v, (int, float))))
        shown.append(("Time", _number(seconds, 2), "s"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(unit)}</small></dd></div>"
        for name, value, unit in shown
    )


def _position(position, unit):
    if unit == "m":
        return ", ".join(_number(1000 * value, 0) for value in position), "mm"
    return ", ".join(_number(value, 3) for value in position), unit


def _number(value, digits):
    return f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else "–"


def downloads(record, files):
    """Links: to the files beside the report, and to the trajectory and the cameras inside it."""
    links = [(name, quote(name), "beside this page") for name in files if name not in ("report.html",)]
    for name, text in _texts(record).items():
        encoded = base64.b64encode(text.encode()).decode()
        links.append((name, f"data:{TYPES[PurePath(name).suffix]};base64,{encoded}", "inside this page"))
    items = "".join(
        f'<tr><th scope=row><a download="{escape(name)}" href="{escape(link)}">{escape(name)}</a></th>'
        f"<td>{where}</td></tr>"
        for name, link, where in links
    )
    return f'<section class=card><h2>Files</h2><table class="files">{items}</table></section>' if items else ""


def _texts(record):
    """name -> text of what the report carries itself."""
    texts = {}
    if record.actions is not None:
        texts["trajectory.csv"] = trajectory_text(record)
    if len({(camera.width, camera.height) for camera in record.cameras}) == 1:  # else it is no rig
        texts["rig.json"] = text_from_rig(record.rig)
    return texts


def tables(record):
    """Settings on one side, the rest on the other."""
    rows = [(name, f"{value:.3f} s" if isinstance(value, float) else value) for name, value in record.timings.items()]
    cameras = [(camera.name, _camera_text(camera, record.unit)) for camera in record.cameras]
    return _table("Timings", rows) + _table("Cameras", cameras) + _table("Settings", record.settings.items())


def _camera_text(camera, unit):
    x, y, z = camera.world_from_camera[:3, 3]
    return f"at ({x:.3f}, {y:.3f}, {z:.3f}) {unit}, focal length {camera.intrinsics[0, 0]:.1f} px"


def _table(title, rows):
    cells = "".join(
        f"<tr><th scope=row>{escape(str(name).replace('_', ' '))}</th><td>{escape(_value_text(value))}</td></tr>"
        for name, value in rows
    )
    kind = title.lower()
    return f'<section class="card {kind}"><h2>{escape(title)}</h2><table>{cells}</table></section>' if cells else ""


def _value_text(value):
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
