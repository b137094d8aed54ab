#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every header of the layers without torch compiles alone, and twice, without any warning.

    python scripts/check_headers.py COMPILER [FLAG...]     prints what the compiler says and exits 1 if it says anything
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

INCLUDE = pathlib.Path(__file__).resolve().parents[1] / "include"
LAYERS = ("core", "codec", "calibration", "codec_io")
FLAGS = ("-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-x", "c++", "-")


def headers():
    """The headers, as users include them: those of the layers and the one that gathers each layer."""
    for layer in LAYERS:
        yield from (path for path in [INCLUDE / f"action_images/{layer}.hpp"] if path.exists())
        yield from sorted((INCLUDE / "action_images" / layer).glob("*.hpp"))


def complaint(command, header):
    """What the compiler says about one header; empty if it is content."""
    line = f"#include <{header.relative_to(INCLUDE).as_posix()}>\n"
    return subprocess.run(command, input=2 * line, capture_output=True, text=True).stderr


def main():
    command = [sys.argv[1], *sys.argv[2:], f"-I{INCLUDE}", *FLAGS]
    checked = list(headers())
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        complaints = [text for text in pool.map(lambda header: complaint(command, header), checked) if text]
    print("".join(complaints) or f"{len(checked)} headers compile alone with {sys.argv[1]}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
