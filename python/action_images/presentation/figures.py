# SPDX-License-Identifier: Apache-2.0
"""The report's 3-D scene as plain plotly traces (dictionaries; colours that follow the theme are set in the page)."""

import base64

import numpy as np

from action_images.presentation.courses import AXIS_COLOURS
from action_images.presentation.geometry import TIME_COLOURS, frustum, rotations, view_colour

AXIS_LENGTH = 0.035  # drawn length of a gripper axis [m; of the cameras' distance where the unit is not metres]
FRUSTUM_DEPTH = 0.16  # of the nearest camera's distance
CLOUD_POINTS = 15_000  # at most so many points of the scene are shown


def _text(number):
    return None if not np.isfinite(number) else round(float(number), 6)


def _coordinates(points):
    return {axis: [_text(value) for value in column] for axis, column in zip("xyz", np.asarray(points, float).T)}


def _lines(segments):
    """(N, 2, 3) segments as one run of points with gaps."""
    gaps = np.full((len(segments), 1, 3), np.nan)
    return _coordinates(np.concatenate([segments, gaps], axis=1).reshape(-1, 3))


def scene_traces(record):
    """The 3-D view without its point cloud: cameras (three traces each, first), gripper axes, path, goal and blocks."""
    depth = frustum_depth(record)
    traces = [trace for index in range(len(record.cameras)) for trace in _camera_traces(index, record, depth)]
    if record.actions is not None:
        traces += [*_axis_traces(record), _path_trace(record)]
    return traces + _marker_traces(record)


def axis_segments(record):
    """name -> (T, 2, 3): from the gripper's position along each of its axes, in the record's unit."""
    axes = rotations(record.actions[:, 3:6])
    tips = record.positions[:, None, :] + axis_length(record) * np.moveaxis(axes, 1, 2)
    return {name: np.stack([record.positions, tips[:, index]], axis=1) for index, name in enumerate("xyz")}


def axis_length(record):
    """How long a gripper axis is drawn, in the record's unit."""
    return AXIS_LENGTH * (1 if record.unit == "m" else reach(record))


def reach(record):
    """Distance of the nearest camera from what there is to see; 1 if there is no camera or nothing to see."""
    target = _target(record)
    if not record.cameras:
        return 1.0
    centres = np.array([camera.world_from_camera[:3, 3] for camera in record.cameras])
    if target is None:
        distances = np.linalg.norm(centres - centres.mean(axis=0), axis=1)
        return float(distances.max()) or 1.0
    return float(np.linalg.norm(centres - target, axis=1).min()) or 1.0


def _target(record):
    """The middle of the path, or of the point cloud, or of the blocks; None if there is none of them."""
    for points in (record.positions, None if record.scene is None else record.scene.points, _block_points(record)):
        known = np.zeros((0, 3)) if points is None else points[np.isfinite(points).all(axis=1)]
        if len(known):
            return np.median(known, axis=0)
    return None


def _block_points(record):
    return np.array([block["center"] for block in record.blocks], float).reshape(-1, 3)


def frustum_depth(record):
    """How deep a camera's pyramid is drawn, in the record's unit."""
    return FRUSTUM_DEPTH * reach(record)


def frusta(record):
    """(V, T, 5, 3): centre and corners of every camera at every frame; T is 1 if the cameras stay."""
    depth = frustum_depth(record)
    cameras = record.moving or [[camera] for camera in record.cameras]
    corners = [[np.vstack(frustum(camera, depth)) for camera in path] for path in cameras]
    return np.array(corners) if corners else np.zeros((0, 1, 5, 3))


def cloud_sample(record):
    """The scene's points (N, 3) float64 and colours (N, 3) uint8, N <= CLOUD_POINTS: an even draw of the finite ones."""
    if record.scene is None:
        return np.zeros((0, 3)), np.zeros((0, 3), np.uint8)
    known = np.flatnonzero(np.isfinite(record.scene.points).all(axis=1))
    if len(known) > CLOUD_POINTS:
        known = np.sort(np.random.default_rng(0).choice(known, CLOUD_POINTS, replace=False))
    return record.scene.points[known].astype(float), record.scene.colors[known]


def packed_cloud(record):
    """The sample as base64 of little-endian uint16 (N, 3), steps of `scale` from `origin`, and of uint8 (N, 3); or None."""
    points, colours = cloud_sample(record)
    if not len(points):
        return None
    low, high = np.percentile(points, [1, 99], axis=0)
    margin = 0.25 * (high - low) + 1e-9
    inside = ((points >= low - margin) & (points <= high + margin)).all(axis=1)  # a far speck would cost all the others
    points, colours = points[inside], colours[inside]
    origin = points.min(axis=0)
    scale = np.maximum((points.max(axis=0) - origin) / 65535, 1e-12)
    steps = ((points - origin) / scale).round().astype("<u2")
    return {
        "count": len(points),
        "total": len(record.scene),
        "origin": origin,
        "scale": scale,
        "points": base64.b64encode(steps.tobytes()).decode(),
        "colours": base64.b64encode(colours.tobytes()).decode(),
    }


def bounds(record):
    """Ranges of x, y and z: `cameras`, in which all is seen, and `path`, a cube around it, if it is known."""
    known = [frusta(record).reshape(-1, 3), _block_points(record)]
    if record.goal is not None:
        known.append(record.goal[None])
    cloud = cloud_sample(record)[0]
    if len(cloud):
        known.append(np.percentile(cloud, [1, 99], axis=0))
    ranges = {}
    if record.positions is not None:
        path = record.positions[np.isfinite(record.positions).all(axis=1)]
        known.append(path)
        if len(path):
            middle, half = (path.min(axis=0) + path.max(axis=0)) / 2, np.ptp(path, axis=0).max() / 2
            length = axis_length(record)
            ranges["path"] = middle[:, None] + (max(half, length / 2) + 1.5 * length) * np.array([-1, 1])
    points = np.vstack([part.reshape(-1, 3) for part in known])
    if len(points):
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.04 * np.max(high - low) + 1e-6
        ranges["cameras"] = np.stack([low - margin, high + margin], axis=1)
    return ranges


def viewpoint(record):
    """Where the 3-D view is seen from: `up` and `eye`, as plotly has them. Estimated worlds are not upright: the
    pictures' up is taken, and a place behind the cameras."""
    if record.estimated is None or not record.cameras:
        return {"up": [0, 0, 1], "eye": [1.3, 1.5, 0.85]}
    poses = [camera.world_from_camera[:3, :3] * np.sign(np.diag(camera.intrinsics)) for camera in record.cameras]
    right, down, forward = (np.mean([pose[:, axis] for pose in poses], axis=0) for axis in range(3))
    return {"up": -down, "eye": 0.7 * right - 0.7 * down - 1.6 * forward}


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
        "hovertemplate": "frame %{customdata[0]}<br>x %{x:.3f}<br>y %{y:.3f}<br>z %{z:.3f} " + record.unit + "<extra></extra>",
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


def _camera_traces(index, record, depth):
    camera = record.cameras[index]
    centre, corners = frustum(camera, depth)
    edges = [(centre, corner) for corner in corners] + list(zip(corners, np.roll(corners, -1, axis=0)))
    colour = view_colour(index)
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
        "hovertemplate": "%{x:.3f}, %{y:.3f}, %{z:.3f}",
    }
