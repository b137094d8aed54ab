# SPDX-License-Identifier: Apache-2.0
"""Renders the scene.glb of a rollout with Blender: a picture, or a video that goes once round it.

    blender -b -P examples/render_blender.py -- out/scene.glb out.png
    blender -b -P examples/render_blender.py -- out/scene.glb out.mp4 --turntable
    python examples/render_blender.py out/scene.glb out.png          # with the module: pip install bpy

Written for Blender 4.2 and later by its documentation; it has not been run in one. `action-images render` needs no Blender.
"""

from __future__ import annotations

import argparse
import json
import math
import struct
import sys
from pathlib import Path

FLOAT, UNSIGNED_BYTE = 5126, 5121  # component types of glTF
POINTS = 0  # mode of glTF


def arguments_of(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="render_blender.py", description="Renders a scene.glb with Blender.")
    add = parser.add_argument
    add("scene", type=Path, help="a .glb file")
    add("out", type=Path, help="a .png file, or with --turntable an .mp4 file")
    add("--turntable", action="store_true", help="a video of one turn")
    add("--frames", type=int, default=120, help="of the turn; default: 120")
    add("--fps", type=int, default=30, help="default: 30")
    add("--size", type=int, nargs=2, default=(960, 540), metavar=("W", "H"), help="in pixels; default: 960 540")
    add("--elevation", type=float, default=25.0, metavar="DEG", help="of the camera above the horizon; default: 25")
    add("--azimuth", type=float, default=30.0, metavar="DEG", help="where the turn begins; default: 30")
    add("--samples", type=int, default=32, help="of Cycles for every pixel; default: 32")
    add("--point-radius", type=float, default=0.002, help="of the points, as a share of the scene's size; default: 0.002")
    arguments = parser.parse_args(argv)
    if arguments.out.suffix != (".mp4" if arguments.turntable else ".png"):
        parser.error(f"out: expected {'an .mp4' if arguments.turntable else 'a .png'} file, got {arguments.out}")
    if not arguments.scene.is_file():
        parser.error(f"scene: expected a .glb file, got {arguments.scene}")
    if min(arguments.frames, arguments.fps, arguments.samples, *arguments.size) < 1:
        parser.error("expected frames, fps, samples and size of at least 1")
    return arguments


def blender():
    """The module of Blender; exits with a sentence where there is none."""
    try:
        import bpy
    except ImportError:
        sys.exit("render_blender.py: expected to run in Blender (blender -b -P ...) or with its module (pip install bpy), got neither")
    return bpy


def read_clouds(path: Path):
    """[(points (N, 3), linear colours (N, 4) in 0..1)] of a .glb file's clouds, in its own axes.

    Blender imports them as bare vertices, which it does not render.
    """
    import numpy as np

    content = path.read_bytes()
    length = struct.unpack_from("<I", content, 12)[0]
    tree, binary = json.loads(content[20 : 20 + length]), content[28 + length :]

    def values(index):
        accessor = tree["accessors"][index]
        dtype = {FLOAT: "<f4", UNSIGNED_BYTE: "u1"}[accessor["componentType"]]
        width = int(accessor["type"][3:])
        begin = tree["bufferViews"][accessor["bufferView"]].get("byteOffset", 0) + accessor.get("byteOffset", 0)
        return np.frombuffer(binary, dtype, accessor["count"] * width, begin).reshape(-1, width)

    def clouds(index, parent):
        node = tree["nodes"][index]
        pose = parent @ np.array(node.get("matrix", np.eye(4).ravel())).reshape(4, 4).T
        for primitive in tree["meshes"][node["mesh"]]["primitives"] if "mesh" in node else []:
            if primitive.get("mode") == POINTS:
                points = values(primitive["attributes"]["POSITION"]) @ pose[:3, :3].T + pose[:3, 3]
                colours = np.ones((len(points), 4))
                if "COLOR_0" in primitive["attributes"]:
                    given = values(primitive["attributes"]["COLOR_0"])
                    colours[:, : given.shape[1]] = given / (255 if given.dtype == np.uint8 else 1)
                yield points, colours
        for child in node.get("children", []):
            yield from clouds(child, pose)

    return [cloud for index in tree["scenes"][tree.get("scene", 0)]["nodes"] for cloud in clouds(index, np.eye(4))]


def coloured_material(bpy, attribute: str):
    """A material that shines in the colours of a mesh's attribute."""
    material = bpy.data.materials.new(f"colours of {attribute}")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    colour, shine, output = (nodes.new(f"ShaderNode{kind}") for kind in ("Attribute", "Emission", "OutputMaterial"))
    colour.attribute_name = attribute
    links.new(colour.outputs["Color"], shine.inputs["Color"])
    links.new(shine.outputs["Emission"], output.inputs["Surface"])
    return material


def add_cloud(bpy, points, colours, radius: float) -> None:
    """One octahedron for every point, in Blender's axes (z up)."""
    import numpy as np

    corners = radius * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    centres = np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)
    mesh = bpy.data.meshes.new("cloud")
    vertices = (centres[:, None] + corners).reshape(-1, 3)
    mesh.from_pydata(vertices.tolist(), [], (6 * np.arange(len(points))[:, None, None] + faces).reshape(-1, 3).tolist())
    layer = mesh.color_attributes.new("cloud colours", "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", np.repeat(colours, 6, axis=0).ravel().astype(np.float32))
    mesh.materials.append(coloured_material(bpy, layer.name))
    bpy.context.collection.objects.link(bpy.data.objects.new("cloud", mesh))


def load_scene(bpy, arguments: argparse.Namespace):
    """Imports the file into an empty scene; returns its lowest and highest corner."""
    import numpy as np

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(arguments.scene.resolve()))
    corners = []
    for thing in [thing for thing in bpy.data.objects if thing.type == "MESH"]:
        pose = np.array(thing.matrix_world)
        corners.append(np.array([list(corner) for corner in thing.bound_box]) @ pose[:3, :3].T + pose[:3, 3])
        if not thing.data.polygons:
            bpy.data.objects.remove(thing)
        elif thing.data.color_attributes:
            thing.data.materials.clear()
            thing.data.materials.append(coloured_material(bpy, thing.data.color_attributes[0].name))
    low, high = np.min(np.concatenate(corners), axis=0), np.max(np.concatenate(corners), axis=0)
    for points, colours in read_clouds(arguments.scene):
        add_cloud(bpy, points, colours, arguments.point_radius * float(np.linalg.norm(high - low)))
    return low, high


def add_camera(bpy, low, high, arguments: argparse.Namespace) -> None:
    """A camera below a pivot in the scene's middle; with a turntable the pivot turns once."""
    from mathutils import Vector

    pivot, camera = bpy.data.objects.new("pivot", None), bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    for thing in (pivot, camera):
        bpy.context.collection.objects.link(thing)
    pivot.location, camera.parent = Vector((low + high) / 2), pivot
    camera.data.sensor_fit, camera.data.angle = "VERTICAL", math.radians(30)
    distance = 0.55 * float(((high - low) ** 2).sum() ** 0.5) / math.sin(math.radians(15))
    elevation = math.radians(arguments.elevation)
    camera.location = (0, -distance * math.cos(elevation), distance * math.sin(elevation))
    camera.rotation_euler = (math.pi / 2 - elevation, 0, 0)
    camera.data.clip_start, camera.data.clip_end = 0.001 * distance, 10 * distance
    bpy.context.scene.camera = camera
    begin = math.radians(arguments.azimuth)
    pivot.rotation_euler = (0, 0, begin)
    if arguments.turntable:
        bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
        pivot.keyframe_insert("rotation_euler", frame=1)
        pivot.rotation_euler = (0, 0, begin + 2 * math.pi)
        pivot.keyframe_insert("rotation_euler", frame=arguments.frames + 1)


def add_light(bpy) -> None:
    """An even light grey world, and a sun for what does not shine by itself."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.8, 0.82, 0.85, 1)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 2.0, (math.radians(40), 0, math.radians(30))
    bpy.context.collection.objects.link(sun)


def render(bpy, arguments: argparse.Namespace) -> None:
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", arguments.samples
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = arguments.size
    scene.render.filepath = str(arguments.out.resolve())
    settings = scene.render.image_settings
    if arguments.turntable:
        scene.frame_start, scene.frame_end, scene.render.fps = 1, arguments.frames, arguments.fps
        if hasattr(settings, "media_type"):  # Blender 5
            settings.media_type = "VIDEO"
        settings.file_format = "FFMPEG"
        scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
        bpy.ops.render.render(animation=True)
    else:
        settings.file_format = "PNG"
        bpy.ops.render.render(write_still=True)


def main() -> None:
    arguments = arguments_of(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])
    bpy = blender()
    add_camera(bpy, *load_scene(bpy, arguments), arguments)
    add_light(bpy)
    render(bpy, arguments)


if __name__ == "__main__":
    main()
