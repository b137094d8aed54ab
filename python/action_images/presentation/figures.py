# SPDX-License-Identifier: Apache-2.0
"""The report's figures as plain plotly traces (dictionaries; colours that follow the theme are set in the page)."""

import numpy as np

from action_images.presentation.geometry import TIME_COLOURS, frustum, rotations

AXIS_COLOURS = {"x": "#e0483e", "y": "#2e9e57", "z": "#3b76e1"}
VIEW_COLOURS = ("#8a63d2", "#d08a1d", "#1b9aaa", "#c2558f", "#6b8e23", "#a0522d")
AXIS_LENGTH = 0.035  # drawn length of a gripper axis [m]


def _text(number):
    return None if not np.isfinite(number) else round(float(number), 6)


def _coordinates(points):
    return {axis: [_text(value) for value in column] for axis, column in zip("xyz", np.asarray(points, float).T)}


def _lines(segments):
    """(N, 2, 3) segments as one run of points with gaps."""
    gaps = np.full((len(segments), 1, 3), np.nan)
    return _coordinates(np.concatenate([segments, gaps], axis=1).reshape(-1, 3))


def scene_traces(record):
    """The 3-D view: cameras, path coloured by time, gripper axes, goal and blocks."""
    traces = [trace for index, camera in enumerate(record.cameras) for trace in _camera_traces(index, camera, record)]
    if record.actions is not None:
        traces += [*_axis_traces(record), _path_trace(record)]
    return traces + _marker_traces(record)


def axis_segments(record):
    """name -> (T, 2, 3): from the gripper's position along each of its axes [m]."""
    axes = rotations(record.actions[:, 3:6])
    tips = record.positions[:, None, :] + AXIS_LENGTH * np.moveaxis(axes, 1, 2)
    return {name: np.stack([record.positions, tips[:, index]], axis=1) for index, name in enumerate("xyz")}


def _path_trace(record):
    count = record.frames
    scale = [[index / (len(TIME_COLOURS) - 1), "rgb({}, {}, {})".format(*c)] for index, c in enumerate(TIME_COLOURS)]
    confidence = record.confidence if record.confidence is not None else np.full(count, np.nan)
    return {
        "type": "scatter3d",
        "mode": "lines+markers",
        "name": "path",
        **_coordinates(record.positions),
        "line": {"width": 7, "color": list(range(count)), "colorscale": scale, "cmin": 0, "cmax": max(1, count - 1)},
        "marker": {"size": 3.5, "color": list(range(count)), "colorscale": scale, "cmin": 0, "cmax": max(1, count - 1)},
        "customdata": [[t, _text(c)] for t, c in enumerate(confidence)],
        "hovertemplate": "frame %{customdata[0]}<br>x %{x:.3f} m<br>y %{y:.3f} m<br>z %{z:.3f} m<extra></extra>",
        "showlegend": False,
    }


def _axis_traces(record):
    return [
        {
            "type": "scatter3d",
            "mode": "lines",
            "name": f"gripper {name}",
            **_lines(segments),
            "line": {"width": 3, "color": AXIS_COLOURS[name]},
            "hoverinfo": "skip",
        }
        for name, segments in axis_segments(record).items()
    ]


def _camera_traces(index, camera, record):
    centres = np.array([other.world_from_camera[:3, 3] for other in record.cameras])
    known = np.zeros((0, 3)) if record.actions is None else record.positions[np.isfinite(record.positions).all(axis=1)]
    target = known.mean(axis=0) if len(known) else np.zeros(3)
    centre, corners = frustum(camera, 0.16 * max(0.1, np.linalg.norm(centres - target, axis=1).min()))
    edges = [(centre, corner) for corner in corners] + list(zip(corners, np.roll(corners, -1, axis=0)))
    colour = VIEW_COLOURS[index % len(VIEW_COLOURS)]
    yield {
        "type": "scatter3d",
        "mode": "lines",
        "name": camera.name,
        **_lines(np.array(edges)),
        "line": {"width": 3, "color": colour},
        "hoverinfo": "name",
        "showlegend": False,
    }
    yield {
        "type": "mesh3d",
        **_coordinates(corners),
        "i": [0, 0],
        "j": [1, 2],
        "k": [2, 3],
        "color": colour,
        "opacity": 0.18,
        "hoverinfo": "skip",
    }
    yield {
        "type": "scatter3d",
        "mode": "text",
        **_coordinates([centre]),
        "text": [camera.name.replace("_", " ")],
        "textposition": "top center",
        "textfont": {"color": colour, "size": 13},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _marker_traces(record):
    traces = []
    for block in record.blocks:
        marker = _marker(block["center"], f"{block['color']} block", "square", block["color"], 9)
        traces.append({**marker, "showlegend": False})
    if record.goal is not None:
        traces.append(_marker(record.goal, "goal", "diamond", "#f2b01e", 6))
    return traces


def _marker(point, name, symbol, colour, size):
    line = {"width": 1, "color": "rgba(20, 20, 20, 0.6)"}
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": str(name),
        **_coordinates([np.asarray(point, float)]),
        "marker": {"symbol": symbol, "size": size, "color": str(colour), "line": line},
        "hovertemplate": "%{x:.3f}, %{y:.3f}, %{z:.3f} m",
    }


def course_traces(record):
    """Position, openness and confidence over the frames, on three y axes that the page lays out."""
    if record.actions is None:
        return []
    frames = list(range(record.frames))
    traces = [
        _course(f"{name} [m]", frames, record.actions[:, index], AXIS_COLOURS[name], "y")
        for index, name in enumerate("xyz")
    ]
    traces.append(_course("openness", frames, record.actions[:, 6], "#d08a1d", "y2"))
    if record.confidence is not None:
        traces.append(_course("confidence", frames, record.confidence, "#8a63d2", "y3"))
    return traces


def _course(name, frames, values, colour, axis):
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": frames,
        "y": [_text(value) for value in values],
        "yaxis": axis,
        "line": {"color": colour, "width": 2.25},
        "marker": {"size": 5},
        "hovertemplate": "%{y:.3f}",
        "showlegend": axis == "y",
    }
