#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of docs/architecture.md that a compiler does not: who includes whom, file sizes, licence lines.

    python scripts/check_layers.py      prints every violation and exits 1 if there is one
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# layer -> the layers that it may include directly; what those may include is allowed too.
ARROWS = {
    "core": [],
    "codec": ["core"],
    "calibration": ["codec"],
    "codec_io": ["codec"],
    "video": ["core"],
    "tensor": ["codec"],
    "nn": ["tensor"],
    "wan": ["nn"],
    "vae": ["nn"],
    "text": ["nn"],
    "vggt": ["nn", "calibration"],
    "sample": ["tensor"],
    "world": ["codec_io", "video", "wan", "vae", "text", "vggt", "sample"],
    "data": ["codec_io", "video", "tensor"],
    "dist": ["nn"],
    "train": ["world", "data", "dist"],
}
WITHOUT_TORCH = {"core", "codec", "calibration", "codec_io", "video"}
TORCH = re.compile(r"(torch|ATen|c10|caffe2)/")
# A library -> the layers that may include its headers; all other outside headers are the standard library's or torch's.
LIBRARIES = {
    r"nlohmann/": set(ARROWS) - {"core", "codec", "calibration", "video"},
    r"lib(av|sw)\w+/": {"video"},
    r"sentencepiece": {"text"},
    r"zlib": {"data"},
    r"(Eigen|xtensor|xtl)/": set(ARROWS) - {"core"},
}
LINE_LIMIT = 400
CODE = {".hpp", ".cpp", ".cu", ".py", ".cmake", ".in", ".js", ".css", ".html", ".sh"}
WITH_LICENCE = {".hpp", ".cpp", ".cu", ".py", ".cmake", ".in", ".sh"}
FOLDERS = ("include", "src", "bindings", "python", "examples", "tests", "scripts", "cmake", ".ci", "benchmarks")


def reachable(layer):
    """The layers that `layer` may include: itself and every layer that its arrows lead to."""
    found = {layer}
    for next_layer in ARROWS[layer]:
        found |= reachable(next_layer)
    return found


def layer_of(path):
    """The layer of a file of include/action_images or src; an umbrella header belongs to the layer it is named after."""
    parts = path.relative_to(ROOT).parts
    below = parts[2:] if parts[0] == "include" else parts[1:]
    return pathlib.PurePath(below[0]).stem


def include_violations(path):
    """What is wrong with the includes of one file of include/ or src/."""
    layer = layer_of(path)
    if layer not in ARROWS:
        yield f"unknown layer '{layer}'"
        return
    for name in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE):
        ours = re.match(r"action_images/(\w+)", name)
        if ours and ours[1] not in reachable(layer):
            yield f"{layer} may not include {name}"
        if layer in WITHOUT_TORCH and TORCH.match(name):
            yield f"{layer} is built without torch, but includes {name}"
        for library, layers in LIBRARIES.items():
            if re.match(library, name) and layer not in layers:
                yield f"{layer} may not include {name}"


def file_violations(path):
    """Length and licence line of one file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > LINE_LIMIT:
        yield f"{len(lines)} lines, at most {LINE_LIMIT} allowed"
    if path.suffix in WITH_LICENCE and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
        yield "no line 'SPDX-License-Identifier: Apache-2.0' at the top"


def code_files():
    """Every source file of the project."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and (path.suffix in CODE or path.name == "CMakeLists.txt"):
                yield path


def violations():
    """(path, sentence) for everything that breaks a rule."""
    for path in code_files():
        yield from ((path, sentence) for sentence in file_violations(path))
        if path.suffix in {".hpp", ".cpp", ".cu"} and path.relative_to(ROOT).parts[0] in {"include", "src"}:
            yield from ((path, sentence) for sentence in include_violations(path))


def main():
    found = list(violations())
    for path, sentence in found:
        print(f"{path.relative_to(ROOT)}: {sentence}")
    if not found:
        print(f"{sum(1 for _ in code_files())} files: layers, sizes and licence lines are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
