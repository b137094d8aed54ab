# SPDX-License-Identifier: Apache-2.0
"""The solid shapes of a 3-D scene: thin rods for lines, so that they show in every viewer and renderer."""

from __future__ import annotations

import numpy as np

from action_images.presentation.optional import optional_package

WHERE = "presentation::write_glb"
AXES = {"x": (224, 60, 50), "y": (46, 158, 87), "z": (59, 118, 225)}


def rods(segments: np.ndarray, radius: float, colours: np.ndarray):
    """Straight rods of six sides along segments (N, 2, 3), coloured (N, 3) uint8, as one mesh; none of length 0."""
    trimesh = _trimesh()
    lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    shapes = [
        _coloured(trimesh.creation.cylinder(radius, sections=6, segment=segment), colour)
        for segment, length, colour in zip(segments, lengths, colours)
        if length > 1e-3 * radius
    ]
    return trimesh.util.concatenate(shapes) if shapes else None


def beads(points: np.ndarray, radius: float, colours: np.ndarray):
    """Balls at points (N, 3), coloured (N, 3) uint8, as one mesh."""
    trimesh = _trimesh()
    ball = trimesh.creation.icosphere(subdivisions=1, radius=radius)
    vertices = (points[:, None] + ball.vertices).reshape(-1, 3)
    faces = (len(ball.vertices) * np.arange(len(points))[:, None, None] + ball.faces).reshape(-1, 3)
    shades = np.repeat(colours, len(ball.vertices), axis=0)
    return trimesh.Trimesh(vertices, faces, vertex_colors=shades, process=False)


def tube(points: np.ndarray, radius: float, colours: np.ndarray):
    """A line through points (N, 3) as rods and beads of the points' colours (N, 3); where a point is NaN it has a gap.

    None if no point is known.
    """
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        return None
    both = known[:-1] & known[1:]
    segments = np.stack([points[:-1], points[1:]], axis=1)[both]
    shapes = [beads(points[known], radius, colours[known]), rods(segments, radius, colours[:-1][both])]
    return _trimesh().util.concatenate([shape for shape in shapes if shape is not None])


def axes(length: float, radius: float):
    """A frame's axes from its origin: x red, y green, z blue."""
    segments = np.stack([np.zeros((3, 3)), length * np.eye(3)], axis=1)
    return rods(segments, radius, np.array(list(AXES.values()), np.uint8))


def frustum_rods(centre: np.ndarray, corners: np.ndarray, radius: float, colour: tuple[int, int, int]):
    """A camera's edges: from the centre (3,) to the picture's corners (4, 3), the picture's border, and a tip above it."""
    top = corners[:2].mean(axis=0)
    tip = top + 0.25 * (top - corners.mean(axis=0))
    edges = [(centre, corner) for corner in corners] + list(zip(corners, np.roll(corners, -1, axis=0)))
    edges += [(corners[0], tip), (tip, corners[1])]
    return rods(np.array(edges), radius, np.tile(np.array(colour, np.uint8), (len(edges), 1)))


def picture_plane(corners: np.ndarray, picture: np.ndarray):
    """A picture (H, W, 3) uint8 on its corners (4, 3): top left, top right, bottom right, bottom left."""
    trimesh = _trimesh()
    from PIL import Image

    material = trimesh.visual.material.PBRMaterial(
        name="picture", baseColorTexture=Image.fromarray(picture), metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
    )
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(corners, [[0, 3, 2], [0, 2, 1]], visual=visual, process=False)


def _coloured(mesh, colour):
    mesh.visual.vertex_colors = np.tile(np.append(colour, 255).astype(np.uint8), (len(mesh.vertices), 1))
    return mesh


def _trimesh():
    return optional_package("trimesh", "model", WHERE)
