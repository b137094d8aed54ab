# SPDX-License-Identifier: Apache-2.0
"""The action-image codec on numpy arrays."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Union

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__version__: str

_Convention = Literal["paper", "release"]
_Path = Union[str, os.PathLike[str]]

class ShapeError(ValueError):
    """An argument's shape is not the documented one."""

class FormatError(ValueError):
    """A file does not hold what its format promises, or cannot be read or written."""

class NumericalError(ValueError):
    """A computation has no usable result."""

class Camera:
    """Calibrated pinhole camera without distortion, and its picture size.

    intrinsics (3, 3) [px]; world_from_camera (4, 4), rigid [m]; the camera looks along +z, x right, y down; the centre
    of the top-left pixel is (0.5, 0.5). Negative focal lengths are allowed. Raises ValueError for other matrices.
    """

    def __init__(self, *, intrinsics: ArrayLike, world_from_camera: ArrayLike, width: int, height: int) -> None: ...
    @property
    def intrinsics(self) -> NDArray[np.float64]: ...
    @property
    def world_from_camera(self) -> NDArray[np.float64]: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (N, 2) of world points (N, 3) [m]; NaN for points that are not in front of the camera."""
    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Unit directions (N, 3) in world axes of the rays through pixels (N, 2)."""
    def center_crop_resize(self, height: int, width: int) -> Camera:
        """Camera of the pictures after a centre crop to the aspect ratio of (height, width) and a resize to it."""

class Rig:
    """V >= 1 calibrated views of one scene with pictures of one size."""

    def __init__(self, cameras: Sequence[Camera]) -> None: ...
    @staticmethod
    def load(path: _Path) -> Rig:
        """Reads a rig file (JSON). Raises FormatError naming the field that is wrong."""
    def save(self, path: _Path) -> None:
        """Writes a rig file; all numbers are kept exactly."""
    def __len__(self) -> int: ...
    def __getitem__(self, view: int) -> Camera: ...
    def __iter__(self) -> Iterator[Camera]: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """(V, 3, 3) [px]"""
    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        """(V, 4, 4) [m]"""
    def relative_to_first(self) -> Rig:
        """The same cameras in the frame of the first one."""
    def center_crop_resize(self, height: int, width: int) -> Rig:
        """Every camera after Camera.center_crop_resize."""

class Decoded:
    """What action images say. A frame that is not valid has confidence 0 and an interpolated (or NaN) action."""

    @property
    def actions(self) -> NDArray[np.float64]:
        """(T, 7): x y z [m], ex ey ez [rad, fixed axes xyz], openness [0, 1]"""
    @property
    def points(self) -> NDArray[np.float64]:
        """(T, 3, 3): position, normal, up; x y z in world [m]"""
    @property
    def confidence(self) -> NDArray[np.float64]:
        """(T,), 0..1"""
    @property
    def openness(self) -> NDArray[np.float64]:
        """(T,), the last column of the actions"""
    @property
    def valid(self) -> NDArray[np.bool_]:
        """(T,), decoded from its own frame"""
    def __len__(self) -> int: ...

def encode(
    actions: ArrayLike,
    rig: Rig,
    convention: _Convention = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    *,
    dtype: DTypeLike = "uint8",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Action images (V, T, H, W, 3) of actions (T, 7), uint8 or float32 in [0, 1].

    sigma: of the Gaussians [px], by default 5 % of the shorter side. axis_length: of the drawn axes [m].
    out: a C-contiguous array to write into and return; its dtype counts then.
    Raises ShapeError for other shapes, ValueError if an action is not finite or an openness not in [0, 1].
    """

def decode(
    images: ArrayLike,
    rig: Rig,
    convention: _Convention = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    *,
    fill: bool = True,
    depth: float | None = None,
    min_confidence: float = 0.001,
) -> Decoded:
    """Actions from action images (V, T, H, W, 3), uint8 or floating point in [0, 1].

    min_confidence: frames below it are undecodable. fill: interpolate those, else NaN.
    depth: of the position along the camera's axis [m], for one view.
    Raises ShapeError for other shapes, ValueError if pixels are not in [0, 1] or one view comes without depth.
    """

def plucker(rig: Rig) -> NDArray[np.float32]:
    """Rays of all pixel centres (V, H, W, 6): unit direction d, moment o x d, in world axes."""

def action_points(actions: ArrayLike, axis_length: float = 0.1) -> NDArray[np.float64]:
    """Points (T, 3, 3) of actions (T, 7): position p, normal p + l R (-e_z), up p + l R e_x [m]."""

def rotation_from_euler(euler: ArrayLike) -> NDArray[np.float64]:
    """R = Rz(ez) Ry(ey) Rx(ex), (3, 3), of fixed-axes angles (3,) [rad]."""

def euler_from_rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    """Fixed-axes angles (3,) [rad] of a rotation (3, 3)."""

def load_rig(path: _Path) -> Rig: ...
def save_rig(rig: Rig, path: _Path) -> None: ...
def load_trajectory(path: _Path) -> NDArray[np.float64]:
    """Actions (T, 7) of a CSV file. Raises FormatError naming the file, line and column."""

def save_trajectory(actions: ArrayLike, path: _Path) -> None:
    """Writes actions (T, 7) with the header x,y,z,ex,ey,ez,openness; all numbers are kept exactly."""
