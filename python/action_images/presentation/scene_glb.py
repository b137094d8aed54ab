# SPDX-License-Identifier: Apache-2.0
"""A 3-D scene as one .glb file (glTF 2.0): points, cameras with their pictures, the gripper's path and frames.

Nodes below `scene`, which turns the world so that its up is glTF's +y:

    points                      GL points
    cameras/view_N              a frustum of rods in the camera's own frame; .../picture its first picture, .../path of
                                one that moves
    trajectory                  a tube from blue (first frame) to red (last), with gaps where frames are NaN
    gripper/TTTT                axes at frame T: x red, y green, z blue
    truth/goal, truth/block_N   where they are known

Lines are thin solid rods, since renderers leave lines out; sizes follow the distance of the cameras, so that scenes of
any unit look alike. Needs trimesh, and Pillow for pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from action_images import Rig, rotation_from_euler
from action_images.point_cloud import PointCloud
from action_images.presentation.files import replaced_file, write_durably
from action_images.presentation.geometry import blue_to_red, frustum, view_colour
from action_images.presentation.optional import optional_package
from action_images.presentation.record import RolloutRecord
from action_images.presentation.scene_frame import size_of, up_of
from action_images.presentation.scene_meshes import axes, beads, frustum_rods, picture_plane, tube

WHERE = "presentation::write_glb"
LARGEST_PICTURE = 512  # px, of the longer side


@dataclass(frozen=True)
class SceneOptions:
    """What a .glb shows. Lengths are shares of the distance from the scene's middle to the nearest camera."""

    pictures: bool = True
    """First pictures in the frusta; a rig alone has none"""
    gripper_frames: int = 48
    """Most axes along the path, evenly spread"""
    most_points: int = 500_000
    """Of a larger cloud every n-th point is shown"""
    frustum: float = 0.25
    tube: float = 0.006
    axes: float = 0.07
    wire: float = 0.0022


def write_glb(
    path: str | os.PathLike, scene: object, *, points: PointCloud | None = None, up: object = None, options: SceneOptions = SceneOptions()
) -> None:
    """Writes the scene of a rollout (see `RolloutRecord.of`) or of a Rig; complete or not at all.

    points: instead of the rollout's own. up: direction (3,) in world; by default z, or the upper edge of the first
    camera's picture if the world is that camera's frame, as of estimated cameras. Raises ValueError if there is nothing
    to show or the file cannot be written.
    """
    content = glb_bytes(scene, points=points, up=up, options=options)
    with replaced_file(path, WHERE) as temporary:
        write_durably(temporary, content)


def glb_bytes(scene: object, *, points: PointCloud | None = None, up: object = None, options: SceneOptions = SceneOptions()) -> bytes:
    """What `write_glb` writes."""
    trimesh = optional_package("trimesh", "model", WHERE)
    if isinstance(scene, Rig):
        scene, options = _record_of(scene), replace(options, pictures=False)
    record = RolloutRecord.of(scene)
    record = record if points is None else replace(record, scene=points)
    world = trimesh.Scene()
    world.graph.update(frame_from="world", frame_to="scene", matrix=_upright(up_of(record) if up is None else up))
    for name, parent, pose, shape, kind in _parts(record, options):
        if kind in world.geometry:
            world.graph.update(frame_from=parent, frame_to=name, matrix=pose, geometry=kind)
        else:
            world.add_geometry(_linear(shape), node_name=name, geom_name=kind, parent_node_name=parent, transform=pose)
    if not world.geometry:
        raise ValueError(f"[{WHERE}] scene: expected cameras, points or a trajectory that is known, got none")
    return world.export(file_type="glb", include_normals=True, tree_postprocessor=_with_materials)


def _parts(record: RolloutRecord, options: SceneOptions) -> Iterator[tuple]:
    """(node, its parent, pose (4, 4) in the parent, shape, the shape's name)."""
    unit = size_of(record)
    yield from _points(record, options)
    for view in range(len(record.cameras)):
        yield from _camera(record, view, unit, options)
    if record.positions is not None:
        path = tube(record.positions, unit * options.tube, blue_to_red(record.frames))
        if path is not None:
            yield "trajectory", "scene", np.eye(4), path, "trajectory"
            yield from _gripper(record, unit, options)
    yield from _truth(record, unit)


def _points(record, options):
    if record.scene is None:
        return
    step = -(-len(record.scene) // options.most_points)
    points, colors = record.scene.points[:: step or 1], record.scene.colors[:: step or 1]
    known = np.isfinite(points).all(axis=1)
    if known.any():
        cloud = optional_package("trimesh", "model", WHERE).PointCloud(points[known], colors=colors[known])
        yield "points", "scene", np.eye(4), cloud, "points"


def _camera(record, view, unit, options):
    camera, name = record.cameras[view], f"cameras/view_{view}"
    colour = _rgb(view_colour(view))[0]
    centre, corners = frustum(replace(camera, world_from_camera=np.eye(4)), unit * options.frustum)
    yield name, "scene", camera.world_from_camera, frustum_rods(centre, corners, unit * options.wire, colour), name
    if options.pictures:
        yield f"{name}/picture", name, np.eye(4), picture_plane(corners, _small(record.video[view, 0])), f"{name}/picture"
    if record.moving:
        centres = np.array([moment.world_from_camera[:3, 3] for moment in record.moving[view]])
        path = tube(centres, unit * options.wire, np.tile(np.array(colour, np.uint8), (len(centres), 1)))
        yield f"{name}/path", "scene", np.eye(4), path, f"{name}/path"


def _gripper(record, unit, options):
    known = np.flatnonzero(np.isfinite(record.actions[:, :6]).all(axis=1))
    if not len(known) or options.gripper_frames < 1:
        return
    shown = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), options.gripper_frames)).round().astype(int))]
    shape = axes(unit * options.axes, unit * options.wire)
    for frame in shown:
        pose = np.eye(4)
        pose[:3, :3] = rotation_from_euler(record.actions[frame, 3:6])
        pose[:3, 3] = record.positions[frame]
        yield f"gripper/{frame:04d}", "scene", pose, shape, "gripper"


def _truth(record, unit):
    marks = [("truth/goal", record.goal, "orange")] if record.goal is not None else []
    marks += [(f"truth/block_{index}", block["center"], block["color"]) for index, block in enumerate(record.blocks)]
    for name, position, colour in marks:
        point = np.asarray(position, float).reshape(1, 3)
        if np.isfinite(point).all():
            yield name, "scene", np.eye(4), beads(point, 0.015 * unit, _rgb(colour)), name


def _rgb(colour: object) -> np.ndarray:
    """(1, 3) uint8 of a colour's name; grey if it is none."""
    from PIL import ImageColor

    try:
        return np.array([ImageColor.getrgb(str(colour))[:3]], np.uint8)
    except ValueError:
        return np.full((1, 3), 128, np.uint8)


def _small(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    return np.asarray(image)


def _upright(up: object) -> np.ndarray:
    """(4, 4): turns the world so that `up` is +y, and x stays x where it can."""
    up = np.asarray(up, float)
    if up.shape != (3,) or not np.isfinite(up).all() or not np.linalg.norm(up) > 0:
        raise ValueError(f"[{WHERE}] up: expected a direction (3,), got {up.tolist()}")
    up = up / np.linalg.norm(up)
    back = np.array([0, -1.0, 0]) if abs(up[1]) < 0.9 else np.array([0, 0, -1.0 if up[1] < 0 else 1.0])
    back = back - (back @ up) * up
    back /= np.linalg.norm(back)
    turned = np.eye(4)
    turned[:3, :3] = [np.cross(up, back), up, back]
    return turned


def _record_of(rig: Rig) -> RolloutRecord:
    """A record of the cameras alone."""
    shape = (len(rig), rig.frames, rig.height, rig.width, 3)
    return RolloutRecord.of({"video": np.broadcast_to(np.uint8(0), shape), "rig": rig})


def _linear(shape):
    """The shape with its vertices' colours in linear light, which glTF asks for (pictures stay sRGB)."""
    colours = getattr(shape.visual, "vertex_colors", None) if hasattr(shape, "faces") else shape.colors
    if colours is None or getattr(shape.visual, "kind", "vertex") == "texture":
        return shape
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    colours = np.column_stack([np.round(255 * light).astype(np.uint8)[colours[:, :3]], colours[:, 3]])
    if hasattr(shape, "faces"):
        shape.visual.vertex_colors = colours
    else:
        shape.colors = colours
    return shape


def _with_materials(tree: dict) -> None:
    """Everything in its own colour whatever the light, as lines and pictures are looked at; not glTF's default metal."""
    plain = len(tree.setdefault("materials", []))
    tree["materials"].append({"name": "plain", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}})
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive.setdefault("material", plain)
    for material in tree["materials"]:
        material["extensions"] = {"KHR_materials_unlit": {}}
    tree["extensionsUsed"] = ["KHR_materials_unlit"]
