# SPDX-License-Identifier: Apache-2.0
"""Action images: robot actions as multiview pictures, and back. Needs numpy only.

>>> images = encode(actions, rig)     # actions (T, 7) -> (V, T, H, W, 3) uint8
>>> decoded = decode(images, rig)     # .actions (T, 7)  .points (T, 3, 3)  .confidence (T,)

An action is [x, y, z, ex, ey, ez, openness]: metres, radians about the fixed axes x, y, z
(R = Rz @ Ry @ Rx), openness 0 closed .. 1 open. The world model, which needs torch, is in `action_images.model`.
"""

from ._codec import (
    AlignedRig,
    AxisScale,
    Camera,
    Decoded,
    Diagnosis,
    FormatError,
    NumericalError,
    RefinedRig,
    Rig,
    ShapeError,
    Similarity,
    SimilarityFit,
    __version__,
    action_points,
    actions_from_pixels,
    align_rig,
    align_to_gripper,
    convert_actions,
    decode,
    doctor,
    draw_axes,
    draw_trajectory,
    encode,
    encode_pixels,
    euler_from_rotation,
    heat_blend,
    load_camera_params,
    load_droid_cameras,
    load_rig,
    load_trajectory,
    pixel_actions,
    pixels_from_action_images,
    plucker,
    refine_cameras,
    rotation_from_euler,
    save_camera_params,
    save_droid_cameras,
    save_rig,
    save_trajectory,
    scale_from_axes,
    scale_from_camera_distance,
    similarity_from_points,
    similarity_from_rigs,
    similarity_from_trajectories,
    time_colours,
)
from ._scale import refine_cameras_from_action_images

__all__ = [
    "AlignedRig",
    "AxisScale",
    "Camera",
    "Decoded",
    "Diagnosis",
    "FormatError",
    "NumericalError",
    "RefinedRig",
    "Rig",
    "ShapeError",
    "Similarity",
    "SimilarityFit",
    "__version__",
    "action_points",
    "actions_from_pixels",
    "align_rig",
    "align_to_gripper",
    "convert_actions",
    "decode",
    "doctor",
    "draw_axes",
    "draw_trajectory",
    "encode",
    "encode_pixels",
    "euler_from_rotation",
    "heat_blend",
    "load_camera_params",
    "load_droid_cameras",
    "load_rig",
    "load_trajectory",
    "pixel_actions",
    "pixels_from_action_images",
    "plucker",
    "refine_cameras",
    "refine_cameras_from_action_images",
    "rotation_from_euler",
    "save_camera_params",
    "save_droid_cameras",
    "save_rig",
    "save_trajectory",
    "scale_from_axes",
    "scale_from_camera_distance",
    "similarity_from_points",
    "similarity_from_rigs",
    "similarity_from_trajectories",
    "time_colours",
]

_classes = (AlignedRig, AxisScale, Camera, Decoded, Diagnosis, FormatError, NumericalError, RefinedRig, Rig, ShapeError)
_classes += (Similarity, SimilarityFit)
for _class in _classes:
    _class.__module__ = __name__  # errors and help name the public place
del _class, _classes


def _rig_html(rig: Rig) -> str:
    """Drawings and a table of the cameras, in notebooks."""
    from .presentation.rig_plan import rig_html

    return rig_html(rig)


def _decoded_html(decoded: Decoded) -> str:
    """What was decoded, in notebooks."""
    from .presentation.notebook import decoded_html

    return decoded_html(decoded)


Rig._repr_html_ = _rig_html
Decoded._repr_html_ = _decoded_html
