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

_Axes = Literal["opencv", "opengl", "blender", "pytorch3d", "ros"]
_Lens = Literal["none", "brown_conrady", "fisheye"]

class Camera:
    """Calibrated camera, pinhole or with a distorting lens, and its picture size.

    intrinsics (3, 3) [px]; world_from_camera (4, 4), rigid [m], in the named axes: opencv (x right, y down, z forward),
    opengl and blender (x right, y up, z backward), pytorch3d (x left, y up, z forward), ros (x forward, y left, z up).
    The centre of the top-left pixel is (0.5, 0.5). Negative focal lengths are allowed. `distortion` has OpenCV's
    coefficients: of brown_conrady k1 k2 p1 p2 [k3 [k4 k5 k6]], of fisheye k1 k2 k3 k4. Raises ValueError for others.
    """

    def __init__(
        self,
        *,
        intrinsics: ArrayLike,
        world_from_camera: ArrayLike,
        width: int,
        height: int,
        axes: _Axes = "opencv",
        lens: _Lens = "none",
        distortion: Sequence[float] = (),
    ) -> None: ...
    @staticmethod
    def from_opencv(
        K: ArrayLike,
        R_camera_from_world: ArrayLike,
        t: ArrayLike,
        *,
        width: int,
        height: int,
        lens: _Lens = "none",
        distortion: Sequence[float] = (),
    ) -> Camera:
        """A camera of x_in_camera = R x_in_world + t, as OpenCV, COLMAP and VGGT write extrinsics."""
    @property
    def intrinsics(self) -> NDArray[np.float64]: ...
    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        """(4, 4), in OpenCV's axes [m]."""
    @property
    def camera_from_world(self) -> NDArray[np.float64]: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def lens(self) -> str: ...
    @property
    def distortion(self) -> list[float]: ...
    def pose(self, axes: _Axes = "opencv") -> NDArray[np.float64]:
        """world_from_camera (4, 4) in the named axes [m]."""
    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (N, 2) of world points (N, 3) [m]; NaN for points that the camera cannot see, such as those behind."""
    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Unit directions (N, 3) in world axes of the rays through pixels (N, 2); NaN where the lens shows nothing."""
    def mirrored(self) -> Camera:
        """The same camera with both focal lengths negated and its axes turned half round the line of sight."""
    def center_crop_resize(self, height: int, width: int) -> Camera:
        """Camera of the pictures after a centre crop to the aspect ratio of (height, width) and a resize to it."""

class Rig:
    """V >= 1 calibrated views of one scene with pictures of one size.

    One camera for every view, or a list of T of them for a view that moves. `rig[view]` is the camera of the first frame.
    """

    def __init__(self, cameras: Sequence[Union[Camera, Sequence[Camera]]]) -> None: ...
    @staticmethod
    def load(path: _Path) -> Rig:
        """Reads a rig file (JSON). Raises FormatError naming the field that is wrong."""
    def save(self, path: _Path) -> None:
        """Writes a rig file; all numbers are kept exactly."""
    def __len__(self) -> int: ...
    def __getitem__(self, view: int) -> Camera: ...
    def __iter__(self) -> Iterator[Camera]: ...
    def camera(self, view: int, time: int = 0) -> Camera:
        """Camera of a view at a frame; a rig that does not move has it at every frame."""
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int:
        """T if a camera moves, else 1."""
    @property
    def is_moving(self) -> bool: ...
    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """(V, 3, 3), or (V, T, 3, 3) if the rig moves [px]"""
    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        """(V, 4, 4), or (V, T, 4, 4) if the rig moves [m]"""
    def clip(self, first: int, count: int) -> Rig:
        """The rig of `count` frames from `first` on; one that does not move as it is."""
    def relative_to_first(self) -> Rig:
        """The same cameras in the frame of the first one: poses inv(E_0) E."""
    def mirrored(self) -> Rig:
        """Every camera after Camera.mirrored."""
    def center_crop_resize(self, height: int, width: int) -> Rig:
        """Every camera after Camera.center_crop_resize."""

class Decoded:
    """What action images say, T frames of V views.

    A frame that is not valid has confidence 0 and an interpolated (or NaN) action. The baselines know neither
    covariances nor fitted blobs: NaN.
    """

    @property
    def actions(self) -> NDArray[np.float64]:
        """(T, 7): x y z [m], ex ey ez [rad, fixed axes xyz], openness [0, 1]"""
    @property
    def points(self) -> NDArray[np.float64]:
        """(T, 3, 3): position, normal, up; x y z in world [m]"""
    @property
    def covariance(self) -> NDArray[np.float64]:
        """(T, 3, 3, 3) of each point, in world axes [mm^2]; NaN if not decoded"""
    @property
    def point_confidence(self) -> NDArray[np.float64]:
        """(T, 3), 0..1"""
    @property
    def confidence(self) -> NDArray[np.float64]:
        """(T,), 0..1: of the action"""
    @property
    def reprojection_error(self) -> NDArray[np.float64]:
        """(T, 3, V): from the seen to the projected point [px]; NaN if the view does not see it"""
    @property
    def pixels(self) -> NDArray[np.float64]:
        """(T, 3, V, 2): where each view sees the point [px]; NaN if it does not"""
    @property
    def sigma(self) -> NDArray[np.float64]:
        """(T, 3, V): fitted standard deviation of the blob [px]; NaN if the view does not see it"""
    @property
    def used_views(self) -> NDArray[np.bool_]:
        """(T, 3, V): the view took part in the point"""
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
    method: Literal["robust", "paper", "release"] = "robust",
    fill: bool = True,
    depth: float | None = None,
    plane: ArrayLike | None = None,
    near: float = 0.5,
    far: float = 1.0,
    samples: int = 512,
    min_confidence: float = 0.001,
    threads: int = 0,
) -> Decoded:
    """Actions from action images (V, T, H, W, 3), uint8 or floating point in [0, 1].

    method: "robust" fuses sub-pixel peaks of all views; "paper" and "release" are those decoders, as baselines, with
    `samples` candidates from `near` to `far` [m] on the rays of the first view.
    min_confidence: frames below it are undecodable. fill: interpolate those, else NaN.
    depth: of the position along the camera's axis [m], and plane: (a, b, c, d) with a x + b y + c z + d = 0 on which it
    lies, for one view. threads: 0 for one per core; the result does not depend on it.
    Raises ShapeError for other shapes, ValueError if pixels are not in [0, 1] or one view comes without depth or plane.
    """

def draw_trajectory(
    images: NDArray[np.uint8],
    actions: ArrayLike,
    rig: Union[Rig, Camera],
    *,
    time: int | None = None,
    width: float | None = None,
    future: float = 0.35,
    axes_length: float = 0.06,
    gripper: bool = True,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Pictures with a trajectory over them: actions (T, 7) on images (V, T, H, W, 3), each frame at its moment.

    The path in the colours of time, what is still to come pale (opacity `future`); the axes of the current pose, x red,
    y green, z blue, `axes_length` long [m]; the gripper as a ring when open, a full disc when closed, with a small one
    where it switched. On (V, 1, H, W, 3), or one picture (H, W, 3) of a camera: the moment `time`, by default the last.
    Actions with NaN are left out. width: of the path [px], by default 1 % of the shorter side and at least 1.5.
    out: a C-contiguous uint8 array of the images' shape to draw on; out=images draws in place.
    Raises ShapeError if the images are not the rig's and the actions', ValueError if an option is out of range.
    """

def draw_axes(
    image: NDArray[np.uint8],
    world_from_frame: ArrayLike,
    camera: Camera,
    *,
    length: float = 0.1,
    width: float | None = None,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the axes of a frame (4, 4) over it: x red, y green, z blue, `length` long [m]."""

def heat_blend(
    rgb: NDArray[np.uint8],
    action_images: NDArray[np.uint8],
    alpha: float = 0.5,
    *,
    mode: Literal["mean", "glow"] = "mean",
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Action images laid over pictures of the same shape (..., 3), uint8.

    mean: the weighted mean, as the released implementation shows it. glow: pictures stay as they are where the action
    image is dark; blobs shine in pure colours and the openness is left out. alpha: weight of the action image, 0..1.
    """

def time_colours(count: int) -> NDArray[np.uint8]:
    """The colours (count, 3) of a trajectory's moments: indigo, magenta, orange, amber; lightness rises evenly."""

class ViewReport:
    """What one camera looks like, at the first frame of a rig that moves."""

    fx: float
    fy: float
    fov_x: float
    """[deg]"""
    fov_y: float
    position: NDArray[np.float64]
    looks_along: NDArray[np.float64]
    looks_at: NDArray[np.float64]
    """(3,) [m], nearest to where all lines of sight meet; NaN if they do not"""
    distance: float

class Precision:
    """How well a point can be measured, for pixels with an error of 1 px; linear in that."""

    distance: float
    """of the point from the middle between the cameras [m]"""
    depth: float
    """standard deviation along the line of sight [mm/px]"""
    lateral: float
    covariance: NDArray[np.float64]
    """(3, 3) [mm^2/px^2]"""

class PairReport:
    """Two views together."""

    first: int
    second: int
    baseline: float
    """[m]"""
    convergence: float
    """[deg]"""
    share_space: bool
    precision: list[Precision]

class PointError:
    """Reprojection error of one of the three points in one view [px]."""

    view: int
    point: str
    median: float
    largest: float
    count: int

class ShapeReport:
    """The triangulated points beside what was drawn: medians [m, deg]."""

    normal_length: float
    up_length: float
    angle: float

class Fit:
    """How well the pictures fit if something was mixed up."""

    name: str
    error: float
    """the views' largest median of the reprojection errors [px]"""

class Finding:
    """Something that is probably wrong, or unusual: its name, a sentence, the views concerned."""

    name: str
    text: str
    views: list[int]

class Diagnosis:
    """What a rig, and pictures taken with it, look like. `str()` of it is a report with tables and sentences."""

    @property
    def views(self) -> list[ViewReport]: ...
    @property
    def pairs(self) -> list[PairReport]: ...
    @property
    def precision(self) -> list[Precision]:
        """of all views together, at the distances asked for"""
    @property
    def errors(self) -> list[PointError]:
        """of what was given, for every view and point; empty without images"""
    @property
    def shape(self) -> ShapeReport | None: ...
    @property
    def fits(self) -> list[Fit]:
        """as given, and what else was tried, best first; empty without images"""
    @property
    def warnings(self) -> list[Finding]:
        """what is probably wrong; empty if all is well"""
    @property
    def notes(self) -> list[Finding]: ...

def doctor(
    rig: Rig,
    images: ArrayLike | None = None,
    actions: ArrayLike | None = None,
    convention: _Convention = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    *,
    distances: Sequence[float] = (0.5, 0.75, 1.0),
) -> Diagnosis:
    """What is wrong with a rig, and how precisely it measures at `distances` [m].

    images: action images (V, T, H, W, 3) that belong to it; actions: the (T, 7) that they show. Then the diagnosis tells
    the reprojection errors, and which convention was mixed up if one was. Without actions the views are compared with
    each other. Raises ShapeError if the shapes do not fit, ValueError if an option is out of range.
    """

def plucker(
    rig: Rig, *, moment_scale: float = 1.0, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Rays of all pixel centres (V, H, W, 6), or (V, T, H, W, 6) if the rig moves, in world axes.

    Unit direction d, then moment o x d times `moment_scale` [m]; the released model takes 1/3 of the moments, and the
    rays of `rig.relative_to_first()`. out: a C-contiguous float32 array of that shape to write into and return.
    """

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
