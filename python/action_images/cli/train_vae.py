# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes a world model's VAE, or goes on with an interrupted run in the same folder. Ctrl-C saves and stops."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from .. import FormatError
from .arguments import Parser, add_out, add_quiet, add_threads, use_threads, whole_number
from .output import check_folder, read_json

HELP = "fine-tune a world model's VAE, or resume"
WHERE = "cli::train-vae"
CLI_OPTIONS = ("part", "steps", "batch", "frames", "seed")


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--model", default="embedded", metavar="NAME|DIR", help="world model; default: embedded")
    add("--data", required=True, metavar="PATH|SPEC@RATIO,...", help="data sets")
    add_out(parser, "for checkpoint.safetensors and vae.safetensors")
    add("--config", type=Path, metavar="FILE", help="JSON object of options: l1, l2, kl, learning_rate, ...")
    add("--part", choices=("decoder", "encoder", "both"), help="what is trained; default: decoder")
    add("--steps", type=whole_number(1), metavar="N", help="default: 1000")
    add("--batch", type=whole_number(1), metavar="N", help="videos of a step; default: 1")
    add("--frames", type=whole_number(1), metavar="N", help="of a video; default: as the model has")
    add("--seed", type=whole_number(0, 2**63 - 1), metavar="N", help="equal seeds give equal weights; default: 0")
    add("--perceptual", metavar="lpips|FILE", help="the package, or a TorchScript network whose features are compared")
    add_threads(parser)
    add_quiet(parser)


def run(arguments: Namespace) -> int | None:
    options = read_json(arguments.config, WHERE) if arguments.config else {}
    if not isinstance(options, dict):
        raise FormatError(f"[{WHERE}] {arguments.config}: expected a JSON object, got {type(options).__name__}")
    options.update({name: getattr(arguments, name) for name in CLI_OPTIONS if getattr(arguments, name) is not None})
    check_folder(arguments.out)

    from ..model import WorldModel, train_vae
    from ..progress import progress_bar

    use_threads(arguments.threads)
    with progress_bar(not arguments.quiet, options.get("steps", 1000), label="step") as advance:
        shown = 0

        def show(event: dict) -> bool:
            nonlocal shown
            try:
                advance(event["step"] - shown, f"loss {event['loss']:.4g}")
            except KeyboardInterrupt:
                return False
            shown = event["step"]
            return True

        finished = train_vae(
            WorldModel.load(arguments.model), arguments.data, arguments.out,
            perceptual=arguments.perceptual, progress=show, **options,
        )  # fmt: skip
    if not arguments.quiet:
        print(f"{arguments.out / 'vae.safetensors'}: trained" if finished else f"{arguments.out}: saved")
    return None if finished else 130
