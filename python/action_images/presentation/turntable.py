# SPDX-License-Identifier: Apache-2.0
"""A .glb file as a picture, or as a video that goes once round it. Needs pyvista (VTK), and neither screen nor GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_images import FormatError, NumericalError
from action_images.presentation.files import replaced_file, write_durably
from action_images.presentation.glb_file import check_glb
from action_images.presentation.optional import optional_package
from action_images.presentation.save import png_bytes
from action_images.software_gl import load_triton_first

WHERE = "presentation::render"
LARGEST_SIDE, MOST_FRAMES = 4096, 36_000
FINER = 2  # is drawn so many times larger in both directions, for smooth edges
CORNERS = 4000  # vertices of a shape that decide how far the camera stands


@dataclass(frozen=True)
class Turntable:
    """How a scene is looked at; its middle is in the middle, and all of it is in the picture from every side."""

    size: tuple[int, int] = (960, 540)
    """Width and height [px], even, 16 to 4096"""
    frames: int = 120
    """Of one whole turn"""
    fps: float = 30.0
    elevation: float = 25.0
    """Of the camera above the horizon [deg], -89 to 89"""
    azimuth: float = 30.0
    """Where the turn begins [deg], anticlockwise from above"""
    field_of_view: float = 30.0
    """Vertical [deg], 1 to 150"""
    point_size: float = 3.0
    """Of GL points [px]"""
    background: tuple[str, str] = ("#1b1f27", "#3a4150")
    """Colours of the lower and the upper edge"""
    floor: bool = True
    """A grid below the scene"""

    def __post_init__(self) -> None:
        for name, good, expected in (
            ("size", all(16 <= side <= LARGEST_SIDE and side % 2 == 0 for side in self.size), f"even sides, 16 to {LARGEST_SIDE} px"),
            ("frames", 1 <= self.frames <= MOST_FRAMES, f"1 to {MOST_FRAMES}"),
            ("fps", 0 < self.fps <= 1000, "a rate above 0, at most 1000"),
            ("elevation", -89 <= self.elevation <= 89, "-89 to 89 degrees"),
            ("azimuth", np.isfinite(self.azimuth), "a finite angle"),
            ("field_of_view", 1 <= self.field_of_view <= 150, "1 to 150 degrees"),
            ("point_size", 0 < self.point_size <= 100, "a size above 0, at most 100 px"),
        ):
            if not good:
                raise ValueError(f"[{WHERE}] {name}: expected {expected}, got {getattr(self, name)}")


def render_turntable(
    glb: str | os.PathLike,
    path: str | os.PathLike,
    *,
    options: Turntable = Turntable(),
    progress: Callable[[int], object] = lambda count: None,
) -> None:
    """Writes one turn round a .glb file as an H.264 video, which appears complete or not at all.

    progress(count): called after every frame with 1. Raises FormatError for a file that is missing or no complete
    binary glTF 2.0, ImportError without pyvista, NumericalError where VTK finds no way to draw.
    """
    import torch  # noqa: F401  (its libraries first)

    from action_images._model import VideoWriter

    width, height = options.size
    with _scene(glb, options) as picture, VideoWriter(path, height, width, fps=options.fps, crf=16) as video:
        for frame in range(options.frames):
            video.add(picture(360.0 * frame / options.frames)[None])
            progress(1)


def render_picture(glb: str | os.PathLike, path: str | os.PathLike, *, options: Turntable = Turntable()) -> None:
    """Writes where the turn begins as a PNG file, complete or not at all; errors as of `render_turntable`."""
    with _scene(glb, options) as picture, replaced_file(path, WHERE) as temporary:
        write_durably(temporary, png_bytes(picture(0.0)))


@contextmanager
def _scene(glb: str | os.PathLike, options: Turntable) -> Iterator[Callable[[float], np.ndarray]]:
    """Yields picture(turn [deg]) -> (H, W, 3) uint8."""
    pyvista = _pyvista()
    check_glb(glb, WHERE)
    with _quiet_vtk():
        plotter = pyvista.Plotter(off_screen=True, window_size=[FINER * side for side in options.size], lighting="light kit")
        try:
            _fill(plotter, Path(glb), options)
            yield _Orbit(plotter, options).picture
        finally:
            plotter.close()


def _fill(plotter, path: Path, options: Turntable) -> None:
    plotter.set_background(options.background[0], top=options.background[1])
    try:
        plotter.import_gltf(str(path))
        plotter.camera_set = True  # nothing moves it but us
        plotter.render_window.Render()
        drawn = plotter.render_window.SupportsOpenGL()
    except RuntimeError as error:
        raise _no_window(str(error)) from error
    if not drawn:
        raise _no_window("no OpenGL 3.2")
    if not plotter.renderer.actors:
        raise FormatError(f"[{WHERE}] {path}: expected a scene that VTK reads, got none")
    for actor in plotter.renderer.actors.values():
        actor.GetProperty().SetPointSize(FINER * options.point_size)
    _show_as_srgb(plotter)


def _show_as_srgb(plotter) -> None:
    """Vertices' colours are linear light in a .glb file, which VTK reads as floats and shows as the numbers they are."""
    pyvista = _pyvista()
    arrays = [actor.GetMapper().GetInput().GetPointData().GetArray("COLOR_0") for actor in plotter.renderer.actors.values()]
    for array in {array.__this__: array for array in arrays if array is not None}.values():  # some shapes share one
        colours = pyvista.convert_array(array)
        light = np.clip(colours[:, :3], 0, 1)
        colours[:, :3] = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
        array.Modified()


def _no_window(got: str) -> NumericalError:
    return NumericalError(
        f"[{WHERE}] window: expected a screen, EGL (libegl1) or OSMesa (libosmesa6) for VTK to draw with, got {got}"
    )


@contextmanager
def _quiet_vtk() -> Iterator[None]:
    """Without VTK's messages about the screens that it tries first."""
    vtk = optional_package("vtkmodules.vtkCommonCore", "render", WHERE)
    before = vtk.vtkLogger.GetCurrentVerbosityCutoff()
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtk.vtkLogger.SetStderrVerbosity(before)


class _Orbit:
    """A camera that goes round what a plotter holds, +y up, as near as all of it stays in the picture."""

    def __init__(self, plotter, options: Turntable):
        self.plotter, self.options = plotter, options
        vertices = _vertices(plotter)
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        self.middle = (low + high) / 2
        self.distance = self._distance(vertices - self.middle)
        if options.floor:
            _add_floor(plotter, self.middle, low, high)

    def axes(self, turn: float) -> np.ndarray:
        """(3, 3): rows right, up and back of the camera."""
        azimuth, elevation = np.radians([self.options.azimuth + turn, self.options.elevation])
        back = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
        right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
        return np.array([right, np.cross(back, right), back])

    def _distance(self, vertices: np.ndarray) -> float:
        width, height = self.options.size
        half = np.tan(np.radians(self.options.field_of_view / 2))
        across, upwards, back = np.moveaxis(np.array([vertices @ self.axes(turn).T for turn in range(0, 360, 5)]), -1, 0)
        needed = back + 1.05 * np.maximum(np.abs(across) / (half * width / height), np.abs(upwards) / half)
        return float(max(needed.max(), 1e-6))

    def picture(self, turn: float) -> np.ndarray:
        """(H, W, 3) uint8."""
        camera, (_, up, back) = self.plotter.camera, self.axes(turn)
        camera.position, camera.focal_point = self.middle + self.distance * back, self.middle
        camera.up, camera.view_angle = up, self.options.field_of_view
        self.plotter.reset_camera_clipping_range()
        self.plotter.render_window.Render()
        fine = self.plotter.screenshot(None, return_img=True)[..., :3]
        parts = [fine[row::FINER, column::FINER].astype(np.uint16) for row in range(FINER) for column in range(FINER)]
        return ((sum(parts) + FINER**2 // 2) // FINER**2).astype(np.uint8)


def _add_floor(plotter, middle: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """A grid under everything, of 12 by 12 fields."""
    pyvista = _pyvista()
    side = 1.5 * max(high[0] - low[0], high[2] - low[2], 1e-6)
    centre = (middle[0], low[1] - 0.01 * side, middle[2])
    grid = pyvista.Plane(center=centre, direction=(0, 1, 0), i_size=side, j_size=side, i_resolution=12, j_resolution=12)
    plotter.add_mesh(grid, style="wireframe", color="#5b6577", line_width=FINER, lighting=False, reset_camera=False)


def _vertices(plotter) -> np.ndarray:
    """(N, 3): of every shape as many vertices as matter, without the farthest of a cloud, in the renderer's frame."""
    pyvista, parts = _pyvista(), []
    for actor in plotter.renderer.actors.values():
        shape = pyvista.wrap(actor.GetMapper().GetInput())
        points = np.asarray(shape.points, float)[:: -(-len(shape.points) // CORNERS) or 1]
        matrix = pyvista.array_from_vtkmatrix(actor.GetMatrix())
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
        if shape.n_verts and len(points) >= 100:
            low, high = np.percentile(points, [2, 98], axis=0)
            points = points[((points >= low) & (points <= high)).all(axis=1)]
        parts.append(points)
    vertices = np.concatenate(parts)
    return vertices[np.isfinite(vertices).all(axis=1)]


def _pyvista():
    """The package that draws. Raises ImportError naming the extra if it is missing."""
    load_triton_first()
    return optional_package("pyvista", "render", WHERE)
