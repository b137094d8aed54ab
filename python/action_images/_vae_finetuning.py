# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning of a world model's VAE."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from . import _model
from ._memory import enough_memory

WHERE = "train::finetune_vae"


def train_vae(
    model: Any,
    data: Any,
    output: str | os.PathLike,
    *,
    perceptual: Callable | str | os.PathLike | None = None,
    progress: Callable[[dict], Any] | None = None,
    **options: Any,
) -> bool:
    """Trains a copy of a world model's VAE to give back videos and action images, or goes on with a run in `output`.

    model: a WorldModel; it is not changed. data: what data.open or data.ClipSampler takes (docs/datasets.md): a path,
    "spec@ratio,spec@ratio", episodes; windows of single views are cut from it. output: folder for
    checkpoint.safetensors and, at the end, vae.safetensors. perceptual: a distance of pictures (N, 3, H, W) in [-1, 1]:
    a function (decoded, given) -> tensor, "lpips" (the package of that name), or a TorchScript file of a network whose
    features are compared. progress: called after every step with a dict of step, steps, loss and its parts; returning
    False, as Ctrl-C, saves and stops. Returns True when the run reached its end.

    options: part ("decoder"; "encoder" or "both" move the latents, which the transformer then has to follow), steps
    (1000), batch (1), frames (0: as the model has), action_share (0.5, of action images among the videos), l1 (1), l2 (0),
    kl (0), perceptual_weight (0), learning_rate (1e-5), weight_decay (0), clip_norm (1), seed (0), checkpoint_every (100),
    threads (2, that read the data).

    Raises FormatError for an unknown option, damaged data, or a checkpoint of another run; ValueError for a value out of
    range or frames that do not fit the VAE; NumericalError if the loss is not finite.
    """
    from .data._dataset import mixture_of

    native = getattr(model, "_native", None)
    if not isinstance(native, _model.WorldModel):
        raise ValueError(f"[{WHERE}] model: expected a WorldModel, got {type(model).__name__}")
    function = perceptual if perceptual is None or callable(perceptual) else perceptual_loss(os.fspath(perceptual))
    with enough_memory(WHERE):
        return _model.train_vae(native, mixture_of(data), os.fspath(output), json.dumps(options), function, progress)


def perceptual_loss(source: str) -> Callable:
    """The function of "lpips" or of a TorchScript file. Raises ImportError or FormatError if there is none."""
    import torch

    from . import FormatError

    if source == "lpips":
        try:
            import lpips
        except ImportError as error:
            raise ImportError(f"[{WHERE}] perceptual: lpips needs the package lpips: pip install lpips") from error
        return lpips.LPIPS(net="vgg", verbose=False).eval().requires_grad_(False)
    try:
        features = torch.jit.load(source, map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise FormatError(f"[{WHERE}] {source}: expected a TorchScript file, got {type(error).__name__}") from error
    for parameter in features.parameters():
        parameter.requires_grad_(False)
    return lambda decoded, given: (features(decoded) - features(given)).square().mean()
