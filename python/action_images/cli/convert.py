# SPDX-License-Identifier: Apache-2.0
"""Writes weights of any kind that is read (safetensors, torch.save files, shards) as safetensors, tensor by tensor; or raw
recordings and data sets in one of the layouts that are read, when OUT is no .safetensors file."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from pathlib import Path

from . import convert_data
from .arguments import Parser, add_quiet
from .output import check_file

HELP = "weights -> safetensors (dtype, names, LoRAs); recordings and data sets -> a layout"
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
DTYPES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}


def configure(parser: Parser) -> None:
    parser.add_argument("input", type=Path, metavar="IN", help="weights: a file, an index of shards, a folder; or data")
    parser.add_argument("output", type=Path, metavar="OUT", help="OUT.safetensors for weights, a folder for data")
    parser.add_argument("--dtype", choices=sorted(DTYPES), help="of floating-point tensors; default: as they are")
    parser.add_argument(
        "--names", choices=("wan", "as-is"), default="wan", help="Wan's for the networks that are known; default: wan"
    )
    parser.add_argument(
        "--lora", type=lora, action="append", default=[], metavar="FILE[:SCALE]", help="merged into a transformer"
    )
    parser.add_argument("--shard-size", type=size, metavar="SIZE", help="most data of a file, as 5GB; default: all")
    add_part(parser)
    convert_data.configure(parser)
    add_quiet(parser)


def add_part(parser: Parser) -> None:
    parser.add_argument(
        "--part", default="", metavar="NAME", help="which of several state dicts in a file of torch.save, as ema"
    )


def is_data(source: Path, output: Path) -> bool:
    """Whether IN is recordings or a data set: OUT has no ending, and IN is a folder without weights, an out.npy or a spec."""
    if output.suffix:
        return False
    if source.is_dir():
        weights = ("*.safetensors", "*.pt", "*.pth", "*.ckpt", "*.bin", "*.index.json", "diffusion_pytorch_model*")
        return not any(next(source.glob(pattern), None) for pattern in weights)
    return source.suffix == ".npy" or (not source.exists() and ":" in str(source))


def size(text: str) -> int:
    """An argument type: a number of bytes, as 5GB or 500MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMG]?I?B?)", text.strip().upper())
    count = float(match[1]) * UNITS.get(match[2], 0) if match else 0
    if not 1 <= count < 2**63:
        raise argparse.ArgumentTypeError(f'expected a size such as 5GB or 500MiB, got "{text}"')
    return int(count)


def lora(text: str) -> tuple[Path, float]:
    """An argument type: a file and its scale, 1 by default. A colon that no number follows belongs to the file."""
    path, _, scale = text.rpartition(":")
    try:
        return (Path(path), float(scale)) if path else (Path(text), 1.0)
    except ValueError:
        return Path(text), 1.0


def run(arguments: Namespace) -> None:
    if arguments.kind or is_data(arguments.input, arguments.output):
        return convert_data.run(arguments)
    if arguments.output.suffix != ".safetensors":
        raise ValueError(f"[cli] {arguments.output}: expected a name that ends with .safetensors, got another")
    check_file(arguments.output)
    import torch

    from ..model import convert_weights
    from ..progress import bytes_bar

    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with bytes_bar(not arguments.quiet, "convert") as progress:
        files = convert_weights(
            arguments.input,
            arguments.output,
            dtype=getattr(torch, DTYPES[arguments.dtype]) if arguments.dtype else None,
            names=arguments.names,
            lora=arguments.lora,
            shard_bytes=arguments.shard_size,
            part=arguments.part,
            progress=progress,
        )
    if not arguments.quiet:
        for file in files:
            print(f"{file}: {Path(file).stat().st_size} bytes")
