# SPDX-License-Identifier: Apache-2.0
"""Cameras as a small drawing and a table for notebooks, with numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np

from action_images import Rig
from action_images.presentation.geometry import frustum, view_colour

SIDE = 260  # of each drawing [px]
MARGIN = 24
MOST_VIEWS = 64  # in the drawing and in the table


def rig_html(rig: Rig) -> str:
    """Two orthographic drawings of the cameras, x with y and x with z, and their sizes, lenses and places."""
    views = min(len(rig), MOST_VIEWS)
    frusta = [_frusta(rig, view) for view in range(views)]
    points = np.vstack([np.vstack(path) for path in frusta])
    drawings = "".join(_drawing(frusta, points, axes) for axes in ((0, 1), (0, 2)))
    left_out = f"<p>{len(rig) - views} more views are not shown.</p>" if views < len(rig) else ""
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{drawings}</div>'
    return f"<div><p>{_headline(rig)}</p>{row}{_table(rig, views)}{left_out}</div>"


def _headline(rig: Rig) -> str:
    moving = f", moving over {rig.frames} frames" if rig.is_moving else ""
    return f"<b>Rig</b> of {len(rig)} view{'s' * (len(rig) > 1)}, {rig.width} × {rig.height} px{moving}"


def _frusta(rig: Rig, view: int) -> list[np.ndarray]:
    """(5, 3) for the first frame, and for some more if the view moves: centre and corners."""
    centres = rig.world_from_camera[..., :3, 3].reshape(-1, 3)
    spread = np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()
    times = np.unique(np.linspace(0, rig.frames - 1, min(rig.frames, 9)).round().astype(int))
    depth = 0.35 * spread if spread > 0 else 0.1
    return [np.vstack(frustum(rig.camera(view, int(time)), depth)) for time in times]


def _drawing(frusta: list[list[np.ndarray]], points: np.ndarray, axes: tuple[int, int]) -> str:
    low, high = points[:, axes].min(axis=0), points[:, axes].max(axis=0)
    extent = max(np.ptp(points, axis=0).max(), 1e-9)  # one scale for all drawings
    scale = (SIDE - 2 * MARGIN) / extent
    middle = (low + high) / 2

    def at(point: np.ndarray) -> str:
        x, y = SIDE / 2 + scale * (point[list(axes)] - middle) * [1, -1]
        return f"{x:.1f},{y:.1f}"

    shapes = "".join(_view(view, path, at) for view, path in enumerate(frusta))
    first, second = ("xyz"[axis] for axis in axes)
    length = 10.0 ** np.floor(np.log10(extent / 2))
    bar = (
        f'<path d="M {MARGIN / 2} {SIDE - 10} h {scale * length:.1f}" stroke="currentColor"/>'
        f'<text x="{MARGIN / 2}" y="{SIDE - 14}" fill="currentColor">{length:g}</text>'
        f'<text x="{SIDE - 8}" y="{SIDE - 8}" text-anchor="end" fill="currentColor">{first} → · {second} ↑</text>'
    )
    return (
        f'<svg role="img" aria-label="cameras, {first} and {second}" width="{SIDE}" height="{SIDE}" '
        f'viewBox="0 0 {SIDE} {SIDE}" font-family="sans-serif" font-size="11">{shapes}{bar}</svg>'
    )


def _view(view: int, path: list[np.ndarray], at: Callable[[np.ndarray], str]) -> str:
    """The pyramid of one view, its number, and its way if it moves."""
    centre, *corners = path[0]
    lines = [[centre, corner] for corner in corners]
    edges = "".join(f'<polyline points="{" ".join(map(at, ends))}"/>' for ends in lines)
    if len(path) > 1:
        edges += f'<polyline points="{" ".join(at(pose[0]) for pose in path)}" stroke-dasharray="3 2"/>'
    x, y = at(centre).split(",")
    colour = view_colour(view)
    return (
        f'<g fill="none" stroke="{colour}">{edges}<polygon points="{" ".join(map(at, corners))}" fill="{colour}" '
        f'fill-opacity="0.15"/><text x="{x}" y="{float(y) - 5:.1f}" fill="{colour}" stroke="none">{view}</text></g>'
    )


def _table(rig: Rig, views: int) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("", "name", "focal length [px]", "field of view", "at x, y, z", "lens"))
    rows = []
    for view in range(views):
        camera = rig[view]
        fx, fy = camera.intrinsics[0, 0], camera.intrinsics[1, 1]
        angles = (2 * np.degrees(np.arctan(side / abs(2 * f))) for side, f in ((camera.width, fx), (camera.height, fy)))
        cells = (view, rig.names[view], f"{fx:.1f}, {fy:.1f}", " × ".join(f"{angle:.0f}°" for angle in angles),
                 ", ".join(f"{value:.3f}" for value in camera.world_from_camera[:3, 3]), camera.lens)  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
