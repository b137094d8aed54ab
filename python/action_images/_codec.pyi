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
_Format = Literal["euler", "quaternion", "rotation_6d", "matrix"]
_Gripper = Literal["openness", "closed"]

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

    def __init__(
        self, cameras: Sequence[Union[Camera, Sequence[Camera]]], *, names: Sequence[str] | None = None
    ) -> None: ...
    @staticmethod
    def load(
        path: _Path,
        *,
        width: int | None = None,
        height: int | None = None,
        frames: int | None = None,
        views: Sequence[str] | None = None,
    ) -> Rig:
        """`load_rig`"""
    @staticmethod
    def from_vggt(extrinsic: ArrayLike, intrinsic: ArrayLike, *, width: int, height: int) -> Rig:
        """Rig of VGGT's arrays extrinsic (V, 3, 4), world-to-camera, and intrinsic (V, 3, 3), for the pictures they are of.

        `.mirrored()` of it are the released implementation's cameras, with negative focal lengths.
        """
    def save(self, path: _Path) -> None:
        """`save_rig`"""
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
    def names(self) -> list[str]:
        """Of the views: view_0, view_1, ... unless others were given or read."""
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
    threshold: float = 0.25,
    dtype: DTypeLike = "uint8",
    out: NDArray[Any] | None = None,
    threads: int = 0,
) -> NDArray[Any]:
    """Action images (V, T, H, W, 3) of actions (T, 7), uint8 or float32 in [0, 1].

    sigma: of the Gaussians [px], by default 5 % of the shorter side. axis_length: of the drawn axes [m].
    threshold: blue responses up to it give way to the background, threshold * openness.
    out: a C-contiguous array to write into and return; its dtype counts then.
    threads: 0 for one per core; small results take one. The pixels are the same for any number.
    Raises ShapeError for other shapes, ValueError if an action is not finite or an openness not in [0, 1].
    """

def decode(
    images: ArrayLike,
    rig: Rig,
    convention: _Convention = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    *,
    threshold: float = 0.25,
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
    threshold: with which the images were drawn.
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
    rig: Rig, *, moment_scale: float = 1.0, out: NDArray[np.float32] | None = None, threads: int = 0
) -> NDArray[np.float32]:
    """Rays of all pixel centres (V, H, W, 6), or (V, T, H, W, 6) if the rig moves, in world axes.

    Unit direction d, then moment o x d times `moment_scale` [m]; the released model takes 1/3 of the moments, and the
    rays of `rig.relative_to_first()`. out: a C-contiguous float32 array of that shape to write into and return.
    threads: 0 for one per core; small results take one. The values are the same for any number.
    """

def action_points(actions: ArrayLike, axis_length: float = 0.1) -> NDArray[np.float64]:
    """Points (T, 3, 3) of actions (T, 7): position p, normal p + l R (-e_z), up p + l R e_x [m]."""

def rotation_from_euler(euler: ArrayLike) -> NDArray[np.float64]:
    """R = Rz(ez) Ry(ey) Rx(ex), (3, 3), of fixed-axes angles (3,) [rad]."""

def euler_from_rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    """Fixed-axes angles (3,) [rad] of a rotation (3, 3)."""

def convert_actions(
    actions: ArrayLike,
    source: _Format = "euler",
    target: _Format = "euler",
    *,
    source_gripper: _Gripper = "openness",
    target_gripper: _Gripper = "openness",
) -> NDArray[np.float64]:
    """Actions (T, n) of one format as those of another; every row is x y z [m], the rotation, the gripper.

    euler (n = 7): ex ey ez about fixed axes [rad]; quaternion (8): qx qy qz qw, written with qw >= 0;
    rotation_6d (10): r11 r21 r31 r12 r22 r32, the first two columns of R; matrix (13): R by rows.
    gripper: openness (1 open .. 0 closed), or closed as DROID's gripper_position (0 open .. 1 closed, clipped).
    Raises ShapeError for another n; ValueError naming the row that is not finite or is no rotation: a quaternion
    whose norm is not 1 within 1e-3, parallel columns, a matrix that is not orthonormal within 1e-4.
    """

def pixel_actions(
    actions: ArrayLike, rig: Rig, convention: _Convention = "paper", axis_length: float = 0.1
) -> NDArray[np.float64]:
    """Where every view sees the points of actions (T, 7): (V, T, 7), NaN for a point that it does not see.

    A row is [red x, red y, green x, green y, blue x, blue y, openness], pixels with x right and y down; what green and
    blue are is the convention's. With "release", one view of it is what the release calls --view1_action.
    """

def encode_pixels(
    pixels: ArrayLike,
    height: int,
    width: int,
    convention: _Convention = "paper",
    sigma: float | None = None,
    *,
    frames: int | None = None,
    dtype: DTypeLike = "uint8",
) -> NDArray[Any]:
    """Action images (V, T, H, W, 3) of pixel actions (V, T, 7), or (V, 7 T); uint8 or float32 in [0, 1].

    A point that is NaN is not drawn. frames: repeats the pixel actions of one frame.
    Raises ShapeError for other shapes, ValueError for half a pixel, infinity, or an openness outside [0, 1].
    """

def actions_from_pixels(
    pixels: ArrayLike, rig: Rig, convention: _Convention = "paper", axis_length: float = 0.1
) -> NDArray[np.float64]:
    """Actions (T, 7) of pixel actions (V, T, 7), or (V, 7 T), of two views or more, by triangulation.

    A frame of which a point is seen by fewer than two views is NaN. The openness is the mean of the views.
    """

def load_rig(
    path: _Path,
    *,
    width: int | None = None,
    height: int | None = None,
    frames: int | None = None,
    views: Sequence[str] | None = None,
) -> Rig:
    """Cameras of a calibration file: rig.json, RLBench's camera_params.json of one view, or DROID's camera.json.

    width, height: of the pictures [px], which the last two do not say. frames: T of cameras that move; past the end of
    the file they stay as they were last. views: names of those to take, in this order.
    Raises FormatError naming the field that is wrong, ValueError for arguments that do not fit the file.
    """

def save_rig(rig: Rig, path: _Path) -> None:
    """Writes rig.json, version 2; all numbers are kept exactly."""

def rig_from_text(text: str, name: str = "rig") -> Rig:
    """Rig of the text of rig.json. name: of the file, for messages. Raises FormatError naming the field that is wrong."""

def text_from_rig(rig: Rig) -> str:
    """The text of rig.json, version 2; all numbers are kept exactly."""

def load_camera_params(
    paths: Union[_Path, Sequence[_Path]], width: int, height: int, *, frames: int | None = None
) -> Rig:
    """Cameras of RLBench's camera_params.json, one file for each view, named after its folder."""

def save_camera_params(rig: Rig, paths: Union[_Path, Sequence[_Path]]) -> None:
    """Writes RLBench's camera_params.json, one file for each view."""

def load_droid_cameras(path: _Path, width: int, height: int, *, views: Sequence[str] | None = None) -> Rig:
    """Cameras of DROID's camera.json, in the order of their names or of `views`."""

def save_droid_cameras(rig: Rig, path: _Path) -> None:
    """Writes DROID's camera.json."""

def load_trajectory(path: _Path) -> NDArray[np.float64]:
    """Actions (T, 7) of a CSV file, whose header says the format. Raises FormatError naming file, line and column."""

def save_trajectory(
    actions: ArrayLike, path: _Path, *, format: _Format = "euler", gripper: _Gripper = "openness"
) -> None:
    """Writes actions (T, 7) with a header, in a format of `convert_actions`; as euler all numbers are kept exactly."""

class Similarity:
    """x_in_b = scale * rotation @ x_in_a + translation: from one frame and unit of length to another.

    Such as from estimated cameras, whose scale and frame are arbitrary, to the robot's base in metres. `b_from_a @ a_from_c`
    is `b_from_c`. Raises ValueError unless scale > 0 and the rotation is orthonormal within 1e-4 with determinant +1.
    """

    def __init__(
        self, *, scale: float = 1.0, rotation: ArrayLike | None = None, translation: ArrayLike | None = None
    ) -> None: ...
    @property
    def scale(self) -> float: ...
    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3)"""
    @property
    def translation(self) -> NDArray[np.float64]:
        """(3,)"""
    @property
    def matrix(self) -> NDArray[np.float64]:
        """(4, 4), with scale * rotation in its corner"""
    def inverse(self) -> Similarity: ...
    def __matmul__(self, first: Similarity) -> Similarity: ...
    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) in the other frame."""
    def actions(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Actions (T, 7) in the other frame: positions are scaled and turned, orientations turned; NaN stays NaN."""
    def rig(self, rig: Rig) -> Rig:
        """`align_rig`"""

class SimilarityFit:
    """A similarity, and what it leaves between pairs of points or cameras."""

    @property
    def similarity(self) -> Similarity:
        """target_from_source"""
    @property
    def rms(self) -> float:
        """of the residuals that count, weighted [unit of the target]"""
    @property
    def largest(self) -> float: ...
    @property
    def rotation_rms(self) -> float:
        """of the orientations, where cameras were compared, else 0 [rad]"""
    @property
    def residuals(self) -> NDArray[np.float64]:
        """(N,) distances; NaN for pairs that are not finite"""
    @property
    def inliers(self) -> NDArray[np.bool_]:
        """(N,) pairs that count"""

def similarity_from_points(
    source: ArrayLike,
    target: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    scaled: bool = True,
    robust: bool = False,
) -> SimilarityFit:
    """The similarity that brings points (N, 3) onto others with the least weighted squares of distances (Umeyama).

    Pairs that are not finite are left out. scaled=False: the scale is 1. robust: leaves out pairs that contradict most of
    the others. Raises NumericalError for fewer than three pairs, or points on a line.
    """

def similarity_from_trajectories(
    source: ArrayLike, target: ArrayLike, *, scaled: bool = True, robust: bool = True
) -> SimilarityFit:
    """`similarity_from_points` of the positions of actions (T, 7). Raises NumericalError for a straight motion."""

def similarity_from_rigs(source: Rig, target: Rig) -> SimilarityFit:
    """The similarity that brings cameras onto those of another rig: rotation by orientations, scale and shift by centres.

    Two cameras are enough. Raises ValueError if the rigs differ in views or frames, NumericalError if all cameras of
    `source` are in one place.
    """

def align_rig(rig: Rig, similarity: Similarity) -> Rig:
    """All cameras in the other frame; what they see there has the same pixels. Names and lenses stay."""

def scale_from_camera_distance(rig: Rig, view_a: int, view_b: int, distance: float, *, time: int = 0) -> Similarity:
    """The scale, about the origin, that makes the distance of two cameras the known one [m].

    One distance leaves no residual: its relative error becomes the scale's. time: frame of a rig that moves.
    """

class AxisScale:
    """The scale that triangulated axes of a gripper tell."""

    @property
    def scale(self) -> float:
        """metres of a unit of the rig"""
    @property
    def scale_error(self) -> float:
        """standard error, relative, from the spread of the lengths; NaN for one length"""
    @property
    def angle(self) -> float:
        """median angle between the axes [deg]; far from 90: the cameras do not fit the pixels"""
    @property
    def lengths(self) -> int:
        """that it rests on"""

def scale_from_axes(
    rig: Rig, pixels: ArrayLike, convention: _Convention = "paper", axis_length: float = 0.1
) -> AxisScale:
    """The scale at which the axes of pixel actions (V, T, 7) are `axis_length` long [m]; the actions are not needed.

    The frame stays the rig's. Raises NumericalError if no axis is seen by two views.
    """

class AlignedRig:
    """A rig in the frame of known actions, in metres, and how sure that is."""

    @property
    def rig(self) -> Rig: ...
    @property
    def similarity(self) -> Similarity:
        """from the frame of the given rig"""
    @property
    def rms_px(self) -> float:
        """distances of projected from seen points, of those that count [px]"""
    @property
    def largest_px(self) -> float: ...
    @property
    def rms_mm(self) -> float:
        """distances of triangulated from known points, of those that count [mm]; NaN if there is none"""
    @property
    def scale_error(self) -> float:
        """standard deviation of the scale, relative to it"""
    @property
    def position_error(self) -> float:
        """of the known points' centre [m]"""
    @property
    def rotation_error(self) -> float:
        """[rad]"""
    @property
    def inliers(self) -> NDArray[np.bool_]:
        """(V, T, 3): position, normal, up; seen, and within a few `pixel_error`"""
    @property
    def iterations(self) -> int: ...
    @property
    def converged(self) -> bool: ...

_Loss = Literal["squared", "huber", "cauchy"]

def align_to_gripper(
    rig: Rig,
    pixels: ArrayLike,
    actions: ArrayLike,
    convention: _Convention = "paper",
    axis_length: float = 0.1,
    *,
    pixel_error: float = 1.0,
    loss: _Loss = "cauchy",
) -> AlignedRig:
    """Brings a rig of arbitrary scale and frame, as a whole, into the frame of known actions.

    pixels: (V, T, 7), or (V, 7) of one frame, as `pixel_actions` and --view1_action have them; NaN for points that are not
    seen; two views or more. actions: (T, 7), or (7,). A similarity is fitted to the triangulated points, then refined on the
    reprojection. One frame has three points only, `axis_length` apart: look at `scale_error`.
    pixel_error: expected standard deviation of a pixel [px]; larger residuals lose weight.
    Raises ShapeError if the arrays do not fit, ValueError for one view, NumericalError if the points tell no scale.
    """

class RefinedRig:
    """Cameras refined with a known trajectory, in its frame."""

    @property
    def rig(self) -> Rig: ...
    @property
    def similarity(self) -> Similarity | None:
        """nearest to what brings the given cameras onto these; None for one view"""
    @property
    def rms_before(self) -> NDArray[np.float64]:
        """(V,) of what counts, with the given rig brought into the frame as a whole [px]; NaN if it looks elsewhere"""
    @property
    def rms_after(self) -> NDArray[np.float64]:
        """(V,) [px]"""
    @property
    def seen(self) -> list[int]:
        """points of every view"""
    @property
    def inliers(self) -> NDArray[np.bool_]:
        """(V, T, 3): position, normal, up; seen, and within a few `pixel_error`"""
    @property
    def position_error(self) -> NDArray[np.float64]:
        """(V,) standard deviation of the camera's centre [m]"""
    @property
    def rotation_error(self) -> NDArray[np.float64]:
        """(V,) [rad]"""
    @property
    def focal_error(self) -> NDArray[np.float64]:
        """(V,) relative; 0 where the focal length is fixed"""
    @property
    def points(self) -> NDArray[np.float64]:
        """(T, 3, 3): position, normal, up, refined if `point_error` is not 0 [m]; NaN for what is not seen"""
    @property
    def iterations(self) -> int: ...
    @property
    def converged(self) -> bool: ...

def refine_cameras(
    rig: Rig,
    pixels: ArrayLike,
    actions: ArrayLike,
    convention: _Convention = "paper",
    axis_length: float = 0.1,
    *,
    focal: Literal["fixed", "shared", "per_view"] = "fixed",
    principal_point: bool = False,
    pixel_error: float = 1.0,
    point_error: float = 0.0,
    loss: _Loss = "cauchy",
    iterations: int = 200,
) -> RefinedRig:
    """Refines cameras with a known trajectory and where the views see it: bundle adjustment with a robust loss.

    The cameras come out in the frame of the actions, in metres, wherever they were; one view is enough, and views whose
    given pose is far off are located anew. pixels: (V, T, 7) as `pixel_actions` has them, NaN for points that are not seen;
    actions: (T, 7). focal, principal_point: what of the intrinsics is refined; lenses stay.
    pixel_error: expected standard deviation of a pixel [px]. point_error: of the known points [m]; 0: they are exact, inf:
    they are free, as near as possible to the known ones.
    Raises ShapeError if the arrays do not fit, ValueError for a rig that moves, NumericalError if a view sees too little.
    """

def pixels_from_action_images(
    images: ArrayLike, convention: _Convention = "paper", sigma: float | None = None
) -> NDArray[np.float64]:
    """Where the best blobs of action images (V, T, H, W, 3) are: pixel actions (V, T, 7) whose openness is NaN.

    NaN where no blob is seen. sigma: of the Gaussians [px], by default 5 % of the shorter side.
    """
