# SPDX-License-Identifier: Apache-2.0
"""Whether a .glb file may be given to a renderer: VTK trusts what stands in it, and would crash on a damaged one."""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path

import numpy as np

from action_images import FormatError
from action_images.presentation.optional import optional_package

LARGEST_FILE = 2**32  # bytes


def check_glb(path: str | os.PathLike, where: str) -> None:
    """Raises FormatError naming the file unless it is a complete binary glTF 2.0, at most 4 GiB, whose meshes fit together."""
    trimesh = optional_package("trimesh", "render", where)
    path = Path(path)
    try:
        tree, binary = _chunks(path)
        with open(path, "rb") as stream:
            scene = trimesh.load_scene(stream, file_type="glb", process=False)
        _decode_pictures(tree, binary)
        good = bool(scene.geometry) and _counts_agree(tree) and all(_indices_fit(mesh) for mesh in scene.geometry.values())
    except OSError as error:
        raise FormatError(f"[{where}] {path}: expected a .glb file, got {error.strerror or error}") from error
    except Exception as error:  # whatever a loader says of damage
        raise _damaged(path, where) from error
    if not good:
        raise _damaged(path, where)


def _chunks(path: Path) -> tuple[dict, bytes]:
    """The JSON and the binary part of a file; ValueError or struct.error if it is no whole .glb file."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        magic, version, length, json_length, kind = struct.unpack("<4sIII4s", stream.read(20))
        if magic != b"glTF" or version != 2 or kind != b"JSON" or not json_length <= length - 20 <= LARGEST_FILE or length != size:
            raise ValueError("no whole .glb file")
        return json.loads(stream.read(json_length)), stream.read()[8:]


def _decode_pictures(tree: dict, binary: bytes) -> None:
    """Raises an error if a picture is damaged, or lies outside the file."""
    from PIL import Image

    for picture in tree.get("images", []):
        view = tree["bufferViews"][picture["bufferView"]]
        begin = view.get("byteOffset", 0)
        Image.open(io.BytesIO(binary[begin : begin + view["byteLength"]])).load()


def _counts_agree(tree: dict) -> bool:
    """Whether every attribute of a mesh has a value for every vertex, and lies within the file."""
    counts = [accessor["count"] for accessor in tree["accessors"]]
    primitives = [primitive for mesh in tree["meshes"] for primitive in mesh["primitives"]]
    return all(len({counts[index] for index in primitive["attributes"].values()}) == 1 for primitive in primitives)


def _indices_fit(mesh) -> bool:
    faces = np.asarray(getattr(mesh, "faces", ()))
    return bool(np.isfinite(mesh.vertices).all()) and (not faces.size or 0 <= faces.min() <= faces.max() < len(mesh.vertices))


def _damaged(path: Path, where: str) -> FormatError:
    return FormatError(f"[{where}] {path}: expected a complete .glb file (binary glTF 2.0) with a scene, got another")
