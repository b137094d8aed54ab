# SPDX-License-Identifier: Apache-2.0
"""Renders the 3-D scene of a saved rollout, or any .glb file, as a video that goes once round it. Needs no screen."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .arguments import Parser, add_quiet, number, whole_number
from .output import check_file

HELP = "the 3-D scene of a rollout -> a turntable video"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("scene", type=Path, metavar="DIR|FILE.glb", help="a folder that generate wrote, or a scene")
    add("--out", type=Path, metavar="FILE.mp4", help="the video")
    add("--picture", type=Path, metavar="FILE.png", help="where the turn begins, as a picture; alone or beside --out")
    add("--frames", type=whole_number(1, 36000), default=120, metavar="N", help="of the whole turn; default: 120")
    side = whole_number(16, 4096)
    add("--size", type=side, nargs=2, default=(960, 540), metavar=("W", "H"), help="in pixels, even; default: 960 540")
    add("--fps", type=number, default=30.0, metavar="N", help="frames per second; default: 30")
    add("--elevation", type=number, default=25.0, metavar="DEG", help="above the horizon; default: 25")
    add("--azimuth", type=number, default=30.0, metavar="DEG", help="where the turn begins; default: 30")
    add("--point-size", type=number, default=3.0, metavar="PX", help="of the points of a cloud; default: 3")
    add("--no-floor", dest="floor", action="store_false", help="leave the grid out")
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    if arguments.out is None and arguments.picture is None:
        raise ValueError("[cli::render] --out, --picture: expected one of them or both, got none")
    wanted = [path for path in (arguments.out, arguments.picture) if path is not None]
    for path in wanted:
        check_file(path)

    from ..presentation.turntable import Turntable, render_picture, render_turntable
    from ..progress import progress_bar

    names = ("frames", "fps", "elevation", "azimuth", "point_size", "floor")
    options = Turntable(size=tuple(arguments.size), **{name: getattr(arguments, name) for name in names})
    with scene_file(arguments.scene) as scene:
        for path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
        if arguments.picture:
            render_picture(scene, arguments.picture, options=options)
        if arguments.out:
            with progress_bar(not arguments.quiet, options.frames, label="frame") as advance:
                render_turntable(scene, arguments.out, options=options, progress=advance)
    if not arguments.quiet:
        for path in wanted:
            print(path)


@contextmanager
def scene_file(path: Path) -> Iterator[Path]:
    """Yields the .glb file that is meant: itself, or that of a folder; made for the moment where the folder has none."""
    if not path.is_dir():
        yield path
    elif (path / "scene.glb").exists():
        yield path / "scene.glb"
    else:
        from ..presentation.saved import load_rollout
        from ..presentation.scene_glb import write_glb

        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "scene.glb"
            write_glb(made, load_rollout(path))
            yield made
