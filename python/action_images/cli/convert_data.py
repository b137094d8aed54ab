# SPDX-License-Identifier: Apache-2.0
"""The half of `action-images convert` that is about recordings: raw ones, or any data set, into a layout."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .arguments import Parser, number, whole_number
from .camera_estimates import add_weights
from .output import check_folder

LAYOUTS = ("native", "lerobot", "release")


def configure(parser: Parser) -> None:
    group = parser.add_argument_group("recordings and data sets", "When OUT is a folder, IN is one of these.")
    add = group.add_argument
    add(
        "--from",
        dest="kind",
        choices=("bridge", "rlbench", "data"),
        help="raw recordings, or a data set; default: what IN holds",
    )
    add("--layout", choices=LAYOUTS, default="native", help="of OUT; default: %(default)s")
    add("--rig", type=Path, metavar="FILE", help="rig.json with the cameras; Bridge's recordings hold none")
    add("--estimate-cameras", action="store_true",
        help="Bridge without --rig: VGGT estimates each episode's; no actions, since metres are not known then")  # fmt: skip
    add_weights(group)
    add("--views", nargs="+", metavar="NAME", help="cameras of raw recordings to take; default: all")
    add(
        "--size",
        type=whole_number(1, 16384),
        nargs=2,
        metavar=("H", "W"),
        help="of the pictures [px]; default: as they are",
    )
    add("--fps", type=number, metavar="N", help="frames per second, of recordings that do not say")
    add("--crf", type=number, default=18.0, metavar="N", help="of H.264, 0 best .. 51; default: %(default)s")
    add("--lossless", action="store_true", help="keep every pixel (native and lerobot)")


def run(arguments: Namespace) -> None:
    if arguments.layout == "release" and (arguments.size or arguments.lossless):
        raise ValueError("[cli] --layout release: expected neither --size nor --lossless, got one of them")
    check_folder(arguments.output)
    from ..progress import progress_bar

    episodes, kind = source_of(arguments)
    with progress_bar(not arguments.quiet, len(episodes), label="episodes") as advance:
        write(episodes, kind, arguments, Counter(advance))
    if not arguments.quiet:
        print(f"{arguments.output}: {len(episodes)} episodes")


class Counter:
    """Tells a bar of what is done from counts of all that is done, which may begin with what an earlier call left."""

    def __init__(self, advance: Callable[[int], object]):
        self.advance, self.shown = advance, 0

    def __call__(self, done: int, total: int) -> None:
        self.advance(done - self.shown)
        self.shown = done


def source_of(arguments: Namespace) -> tuple[Any, str]:
    """The episodes of IN, and what they are: bridge, rlbench or data."""
    from .. import data, load_rig
    from ..data.raw import kind_of_recordings, open_recordings

    path = Path(arguments.input)
    kind = arguments.kind or (path.exists() and kind_of_recordings(path)) or "data"
    if kind == "data":
        if arguments.rig or arguments.views or arguments.estimate_cameras:
            raise ValueError("[cli] --rig, --views: expected them with raw recordings only, got them with a data set")
        return data.open(str(arguments.input)).episodes, kind
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    rig = load_rig(arguments.rig) if arguments.rig else None
    if not arguments.estimate_cameras:
        return open_recordings(kind, path, rig=rig, views=arguments.views), kind
    if kind != "bridge":
        raise ValueError(f"[cli] --estimate-cameras: expected recordings of bridge, which have no cameras, got {kind}")
    return open_recordings(kind, path, rig=rig, views=arguments.views, estimate=camera_estimator(arguments.vggt)), kind


def camera_estimator(weights: str | None) -> Any:
    """Gives the cameras of an episode from the first pictures of its views; VGGT stays in memory."""
    from .._cameras import RELEASED
    from .._vggt_weights import weights_of
    from ..model import estimate_scene, load_vggt

    network = load_vggt(weights_of(weights, "checkpoints", "cli::convert")[0])
    return lambda pictures: estimate_scene(pictures, network, **RELEASED).cameras


def write(episodes: Any, kind: str, arguments: Namespace, progress: Any) -> None:
    from .. import data
    from ..data.lerobot_write import write_lerobot
    from ..data.release_layout import write_release

    size = tuple(arguments.size) if arguments.size else None
    pictures = {"crf": arguments.crf, "lossless": arguments.lossless, "size": size}
    if arguments.layout == "native":
        data.write_native(episodes, arguments.output, **pictures, progress=progress)
    elif arguments.layout == "lerobot":
        write_lerobot(episodes, arguments.output, fps=arguments.fps, **pictures, progress=progress)
    else:
        layout = "rlbench" if kind == "rlbench" else "bridge" if kind == "bridge" else release_layout(episodes)
        write_release(
            episodes, arguments.output, layout=layout, crf=arguments.crf, fps=arguments.fps, progress=progress
        )


def release_layout(episodes: Any) -> str:
    """The released layout that a data set fits: that of RLBench if it has actions."""
    return "bridge" if episodes[0].actions is None else "rlbench"
