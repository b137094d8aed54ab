# SPDX-License-Identifier: Apache-2.0
"""Generates with the flags of the released implementation's inference.py, in their meaning.

`action-images generate` takes these flags instead of its own when one of them is given that it does not share.
"""

from __future__ import annotations

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from .. import load_rig
from .arguments import Parser, add_quiet, add_threads, number, use_threads, whole_number
from .camera_estimates import add_weights, estimated
from .output import check_folder

HELP = "the same with the flags of the released implementation"
WHERE = "cli::generate"
MODEL_ID = "Wan-AI/Wan2.2-TI2V-5B"
OWN_FLAGS = (
    "--ckpt_path",
    "--model_id",
    "--task_type",
    "--num_frames",
    "--num_inference_steps",
    "--num_samples",
    "--cfg_scale",
    "--cfg_parallel",
    "--use_usp",
    "--view1_action",
    "--view2_action",
    "--visualize_actions",
    "--dynamic_cache_schedule",
    "--torch_compile",
)
TASKS = ("i2v", "i2va", "a2v", "v2a")


def is_asked_for(arguments: Sequence[str]) -> bool:
    """Whether a command line uses a flag that only the released implementation has."""
    return any(argument.split("=", 1)[0] in OWN_FLAGS for argument in arguments)


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("--images", nargs=2, required=True, metavar="FILE", help="pictures of two views; of .mp4 files the first frame")
    add("--rig", type=Path, metavar="FILE", help="rig.json: the cameras of the pictures; default: VGGT estimates them")
    add_weights(parser)
    add("--prompt", default="", help="the instruction")
    add(
        "--ckpt_path", metavar="FILE|DIR|ID", help='checkpoint, a folder with one, or its name on the Hub, "owner/name"'
    )
    add("--model_id", default=MODEL_ID, metavar="ID", help="Wan's weights, in checkpoints/ID; default: %(default)s")
    add("--output", type=Path, default=Path("results/inference"), metavar="DIR", help="default: %(default)s")
    add("--visualize_actions", action="store_true", help="write the decoded trajectory as a point cloud, too")
    add("--height", type=whole_number(16, 8192), default=512, metavar="PX", help="default: 512")
    add("--width", type=whole_number(16, 8192), default=512, metavar="PX", help="default: 512")
    add("--num_frames", type=whole_number(2, 1025), default=41, metavar="N", help="rounded up to 4k + 1; default: 41")
    add("--num_inference_steps", type=whole_number(1, 10000), default=50, metavar="N", help="default: 50")
    add("--cfg_scale", type=number, default=7.5, metavar="SCALE", help="of the guidance, 1: none; default: 7.5")
    add("--seed", type=whole_number(0, 2**63 - 1), default=42, metavar="N", help="of the first sample; default: 42")
    add("--num_samples", type=whole_number(1, 10**6), default=2, metavar="N", help="one seed each; default: 2")
    add("--task_type", choices=TASKS, default="i2v", help="default: i2v")
    for view in (1, 2):
        text = "7 values, or 7 for each frame: red x y, green x y, blue x y [px of the generated pictures], openness"
        add(f"--view{view}_action", type=number, nargs="+", metavar="X", help=text)
    add("--dynamic_cache_schedule", action="store_true", help="spare steps by the similarity of predictions; lossy")
    add("--tiled", action="store_true", help="the VAE works on tiles")
    add("--tile_size", type=whole_number(1), nargs=2, metavar="N", help="latents; default: height and width / 16")
    add("--tile_stride", type=whole_number(1), nargs=2, metavar="N", help="latents; default: height and width / 32")
    for flag in ("--torch_compile", "--use_usp", "--cfg_parallel"):
        add(flag, action="store_true", help="taken, but changes nothing on one process")
    add_loading_options(parser)
    add_threads(parser)
    add_quiet(parser)


def add_loading_options(parser: Parser) -> None:
    """What the released implementation has no flags for."""
    add = parser.add_argument
    add("--base", metavar="DIR|ID", help="text encoder, VAE and tokenizer, if not in checkpoints/MODEL_ID")
    add("--device", metavar="NAME", help="cuda, cpu, ...; default: cuda if there is one")
    add("--dtype", choices=("bfloat16", "float32", "float16"), default="bfloat16", help="default: %(default)s")
    add("--lora", nargs="+", default=[], metavar="FILE[:SCALE]", help="LoRAs to merge into the transformer")
    add("--embedding_cache", type=Path, metavar="DIR", help="keeps prompt embeddings, so that the encoder is not read")


def run(arguments: Namespace) -> None:
    check(arguments)
    frames = rounded_frames(arguments.num_frames)
    views = view_actions(arguments, frames)
    if arguments.task_type == "i2v":
        views = None  # a plain video has no actions
    rig = load_rig(arguments.rig) if arguments.rig else None
    check_folder(arguments.output)
    notices(arguments, frames)
    use_threads(arguments.threads)

    from .released_files import given_pictures, save_sample

    given = given_pictures(arguments.images, arguments.task_type, frames)
    if rig is None:  # before the world model is in memory
        rig = estimated_rig(given, arguments)
    with tempfile.TemporaryDirectory(prefix="action-images-") as folder:
        model = loaded(arguments, arguments.embedding_cache or Path(folder))
        for index in range(arguments.num_samples):
            rollout = generated(model, rig, given, views, frames, index, arguments)
            for path in save_sample(arguments.output, index, rollout, ply=arguments.visualize_actions):
                if not arguments.quiet:
                    print(f"Saved {path}")


def check(arguments: Namespace) -> None:
    """Raises ValueError for what cannot be done, before anything is read."""
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes != "1":
        raise ValueError(f"[{WHERE}] WORLD_SIZE: expected 1, since generation runs on one process, got {processes}")
    given = [arguments.view1_action is not None, arguments.view2_action is not None]
    if any(given) != all(given):
        raise ValueError(f"[{WHERE}] --view1_action, --view2_action: expected both or none, got one")
    if arguments.task_type == "a2v" and not any(given):
        raise ValueError(f"[{WHERE}] --view1_action, --view2_action: expected the actions of task a2v, got none")


def rounded_frames(frames: int) -> int:
    """The number of frames as the released implementation rounds it up to 4k + 1."""
    return frames if frames % 4 == 1 else (frames + 2) // 4 * 4 + 1


def view_actions(arguments: Namespace, frames: int):
    """(2, 1, 7) or (2, frames, 7) numbers of the views, or None; the last row stands for frames that rounding added."""
    import numpy as np

    if arguments.view1_action is None:
        return None
    rows = []
    for view in (1, 2):
        values = getattr(arguments, f"view{view}_action")
        if len(values) not in (7, 7 * arguments.num_frames, 7 * frames):
            raise ValueError(
                f"[{WHERE}] --view{view}_action: expected 7 or {7 * arguments.num_frames} values, got {len(values)}"
            )
        row = np.asarray(values, dtype=np.float64).reshape(-1, 7)
        missing = 0 if len(row) == 1 else frames - len(row)
        rows.append(np.concatenate([row, np.repeat(row[-1:], missing, axis=0)]))
    count = max(map(len, rows))
    return np.stack([np.repeat(row, count, axis=0) if len(row) == 1 else row for row in rows])


def notices(arguments: Namespace, frames: int) -> None:
    """Says on the standard error what is done otherwise than asked for."""
    if arguments.quiet:
        return
    if frames != arguments.num_frames:
        print(f"--num_frames {arguments.num_frames} is rounded up to {frames}, 4k + 1", file=sys.stderr)
    for flag in ("torch_compile", "use_usp", "cfg_parallel"):
        if getattr(arguments, flag):
            print(f"--{flag} changes nothing here: the networks run compiled, on one process", file=sys.stderr)
    if arguments.task_type == "i2v" and arguments.view1_action is not None:
        print("--view1_action and --view2_action are not used for task i2v", file=sys.stderr)


def loaded(arguments: Namespace, prompts: Path):
    """The world model; the prompts are encoded before it is in memory and the text encoder is gone by then."""
    import torch

    from .._loading import model_path
    from ..model import PromptEncoder, WorldModel
    from ..progress import Percent, progress_bar

    path = model_path(arguments.ckpt_path or Path("checkpoints") / arguments.model_id, WHERE)
    options = {
        "base": arguments.base,
        "model_id": arguments.model_id,
        "dtype": arguments.dtype,
        "device": arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        "embedding_cache": prompts,
        "keep_text_encoder": False,
        "lora": [lora_of(text) for text in arguments.lora],
        "config": {
            "height": arguments.height,
            "width": arguments.width,
            "camera_reference": "first_view" if arguments.rig else "world",  # estimated cameras are told as they are
        },
        "notice": lambda text: None if arguments.quiet else print(text, file=sys.stderr),
    }
    texts = [arguments.prompt] if arguments.cfg_scale == 1 else [arguments.prompt, ""]
    PromptEncoder(path, **options).encode(texts)
    with progress_bar(not arguments.quiet, 100, label="loading %") as advance:
        return WorldModel.load(path, **options, progress=Percent(advance, "transformer"))


def estimated_rig(given, arguments: Namespace):
    """The cameras of the pictures, or of the videos' first frames, told in a line."""
    from .._cameras import RELEASED

    first = [view[0] if getattr(view, "ndim", 3) == 4 else view for view in given]
    return estimated(first, arguments.vggt, arguments, device=arguments.device, **RELEASED)


def lora_of(text: str) -> tuple[str, float]:
    """A file and its scale: FILE or FILE:SCALE."""
    path, colon, scale = text.rpartition(":")
    try:
        return (path, float(scale)) if colon and not Path(text).exists() else (text, 1.0)
    except ValueError:
        return text, 1.0


def generated(model, rig, given, views, frames: int, index: int, arguments: Namespace):
    """The rollout of one seed."""
    from ..progress import progress_bar

    labelled = arguments.task_type == "v2a"
    options = {"view_actions": views, "view_actions_of": "model"} if views is not None else {}
    if arguments.dynamic_cache_schedule:
        options["step_cache"] = "cosine"
    if arguments.tiled:
        size, stride = ((arguments.height // n, arguments.width // n) for n in (16, 32))
        options |= {"tiled": True, "tile_size": tuple(arguments.tile_size or size)}
        options["tile_stride"] = tuple(arguments.tile_stride or stride)
    with progress_bar(not arguments.quiet, arguments.num_inference_steps, label="step") as advance:
        return model.generate(
            None if labelled else given,
            arguments.prompt,
            videos=given if labelled else None,
            rig=rig,
            task=arguments.task_type,
            frames=frames,
            steps=arguments.num_inference_steps,
            guidance=arguments.cfg_scale,
            negative_prompt="",
            seed=arguments.seed + index,
            progress=lambda done, steps: advance(),
            **options,
        )
