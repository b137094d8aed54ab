# SPDX-License-Identifier: Apache-2.0
"""Reading the command line: a parser whose errors are one line, the kinds of arguments, options that commands share."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import Any, NoReturn

ACTION = ("X", "Y", "Z", "EX", "EY", "EZ", "OPENNESS")
VIEW_ACTION = ("RED_X", "RED_Y", "GREEN_X", "GREEN_Y", "BLUE_X", "BLUE_Y", "OPENNESS")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line and exits with 2; option names are not abbreviated."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)
        # argparse would take -1e-3 for an option.
        self._negative_number_matcher = re.compile(r"^-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^-inf$|^-nan$")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"action-images: error: [{self.prog}] {' '.join(message.split())}\n")


def whole_number(low: int, high: int = 2**63 - 1):
    """An argument type: a whole number from `low` to `high`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            limits = f"of at least {low}" if high == 2**63 - 1 else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f'expected a whole number {limits}, got "{text}"')
        return number

    return read


def number(text: str) -> float:
    """An argument type: a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'expected a finite number, got "{text}"')
    return value


def add_codec_options(parser: Parser) -> None:
    """How action images are drawn."""
    parser.add_argument("--convention", choices=("paper", "release"), default="paper", help="what the channels mean")
    parser.add_argument(
        "--sigma", type=number, metavar="PX", help="of the Gaussians; default: 5 %% of the shorter side"
    )
    parser.add_argument(
        "--axis-length", type=number, default=0.1, metavar="M", help="of the drawn axes; default: %(default)s"
    )


def add_model_options(parser: Parser) -> None:
    """Which model runs, and how."""
    parser.add_argument(
        "--model", default="embedded", metavar="NAME|DIR", help="the embedded model (default), or a folder"
    )
    parser.add_argument(
        "--steps", type=whole_number(1, 10000), metavar="N", help="denoising steps; default: the model's"
    )
    parser.add_argument(
        "--guidance", type=number, metavar="SCALE", help="of the guidance, 1: none; default: the model's"
    )
    add_threads(parser)


def add_sampling_options(parser: Parser) -> None:
    """How the denoising is done; all of them default to the model's."""
    group = parser.add_argument_group("sampling", "Defaults are the model's.")
    add = group.add_argument
    add("--shift", type=number, metavar="S", help="of the noise levels")
    add("--solver", choices=("euler", "unipc", "unipc-bh1", "dpm++2m"), help="of the steps")
    add("--sigma-min", type=number, metavar="SIGMA", help="lowest noise level of Euler's grid")
    add("--no-extra-one-step", dest="extra_one_step", action="store_const", const=False, help="end the grid at that level, not at 0")
    add("--negative-prompt", metavar="TEXT", help='what the guidance leads away from; "wan": Wan\'s default')
    add("--guidance-rescale", type=number, metavar="SHARE", help="0..1, of the deviation that is restored")
    add("--guidance-interval", type=number, nargs=2, metavar=("LOW", "HIGH"), help="noise levels 0..1 with guidance")
    add("--step-cache", choices=("none", "cosine", "easy", "tea"), help="spares steps, at some loss (docs/sampling.md)")
    add("--step-cache-threshold", type=number, metavar="X", help="of the step cache")
    add("--tiled", action="store_true", help="the VAE works on tiles: less memory")
    tile = whole_number(1, 4096)
    add("--tile-size", type=tile, nargs=2, default=(34, 34), metavar=("H", "W"), help="in latents; default: 34 34")
    add("--tile-stride", type=tile, nargs=2, default=(18, 16), metavar=("H", "W"), help="in latents; default: 18 16")


def sampling_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `add_sampling_options`, as WorldModel.generate names them."""
    names = ("shift", "solver", "sigma_min", "extra_one_step", "negative_prompt", "guidance_rescale", "guidance_interval", "step_cache")
    names += ("step_cache_threshold", "tiled", "tile_size", "tile_stride")
    return {name: getattr(arguments, name) for name in names}


def add_threads(parser: Parser) -> None:
    parser.add_argument("--threads", type=whole_number(1, 1024), metavar="N", help="of torch; default: one per core")


def add_quiet(parser: Parser) -> None:
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def add_out(parser: Parser, help: str, *, required: bool = True, metavar: str = "DIR") -> None:
    parser.add_argument("--out", type=Path, required=required, metavar=metavar, help=help)


def use_threads(threads: int | None) -> None:
    """Limits torch's intra-op threads, if wanted."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
