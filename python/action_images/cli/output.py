# SPDX-License-Identifier: Apache-2.0
"""Where a command leaves its results: looked at before the work begins, so that no hour is lost to a wrong path."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def check_folder(folder: Path) -> None:
    """Raises ValueError unless files can be written into `folder`, which may not exist yet. Leaves nothing behind."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        reason = "a file" if place.is_file() else error.strerror
        where = "" if place == folder else f" at {place}"
        raise ValueError(f"[cli] {folder}: expected a folder that can be written, got {reason}{where}") from error


def check_file(path: Path) -> None:
    """Raises ValueError unless `path` can be written as a file; its folder may not exist yet."""
    if path.is_dir():
        raise ValueError(f"[cli] {path}: expected a file that can be written, got a folder")
    check_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes a file that appears complete or not at all."""
    from ..presentation.files import replaced_file, write_durably

    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path, "cli") as temporary:
        write_durably(temporary, text)


def read_json(path: Path, where: str) -> object:
    """The contents of a JSON file. Raises FormatError naming it if they are none."""
    import json

    from .. import FormatError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "something else"
        raise FormatError(f"[{where}] {path}: expected a readable JSON file, got {reason}") from error
