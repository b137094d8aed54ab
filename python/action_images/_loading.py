# SPDX-License-Identifier: Apache-2.0
"""What `WorldModel.load` and `PromptEncoder` take, as `_model` wants it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from . import hub

MODELS = Path(__file__).parent / "models"


def embedded_models() -> list[str]:
    """Names of the models that came with the package."""
    return sorted(path.parent.name for path in MODELS.glob("*/config.json"))


def model_path(name: str | os.PathLike, where: str, checkpoints: str | os.PathLike = "checkpoints") -> Path:
    """Where a model lies: one that came with the package, a file or folder, or one of the Hub, which is downloaded."""
    if os.fspath(name) in ("embedded", *embedded_models()):
        return MODELS / name
    if Path(name).exists():
        return Path(name)
    if hub.is_hub_id(name):
        return hub.download(os.fspath(name), checkpoints=checkpoints)
    known = ", ".join(f'"{known}"' for known in embedded_models()) or 'no name (no "embedded" weights installed)'
    raise ValueError(
        f'[{where}] model: expected {known}, a folder, a file of weights or "owner/name" of the Hub, got "{name}"'
    )


def base_path(base: str | os.PathLike | None, checkpoints: str | os.PathLike) -> Path | None:
    """The folder with the parts that a checkpoint does not have."""
    if base is None or Path(base).is_dir():
        return None if base is None else Path(base)
    beside = Path(checkpoints) / base
    if beside.is_dir():  # as the released implementation keeps Wan's weights
        return beside
    if hub.is_hub_id(base):
        return hub.download(os.fspath(base), checkpoints=checkpoints, allow_patterns=hub.WAN_FILES)
    return Path(base)


def options(
    where: str,
    *,
    base: str | os.PathLike | None = None,
    model_id: str = "Wan-AI/Wan2.2-TI2V-5B",
    checkpoints: str | os.PathLike = "checkpoints",
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
    vae_dtype: torch.dtype | str | None = None,
    vae_device: torch.device | str | None = None,
    text_dtype: torch.dtype | str | None = None,
    text_device: torch.device | str | None = None,
    keep_text_encoder: bool | None = None,
    embedding_cache: str | os.PathLike | None = None,
    lora: Sequence[Any] = (),
    config: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], Any] | None = None,
    notice: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    """The keyword arguments of `_model.WorldModel`; `WorldModel.load` documents them."""
    return {
        "base": base_path(base, checkpoints),
        "model_id": model_id,
        "checkpoints": Path(checkpoints),
        "dtype": dtype_of(dtype, "dtype", where),
        "device": device_of(device, "device", where),
        "vae_dtype": dtype_of(vae_dtype, "vae_dtype", where),
        "vae_device": device_of(vae_device, "vae_device", where),
        "text_dtype": dtype_of(text_dtype, "text_dtype", where),
        "text_device": device_of(text_device, "text_device", where),
        "keep_text_encoder": keep_text_encoder,
        "embedding_cache": None if embedding_cache is None else Path(embedding_cache),
        "lora": [_lora(entry, where) for entry in lora],
        "config": json.dumps(config or {}),
        "progress": progress,
        "notice": notice or _warn,
    }


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)


def dtype_of(value: torch.dtype | str | None, argument: str, where: str) -> torch.dtype | None:
    dtype = getattr(torch, value, None) if isinstance(value, str) else value
    if dtype is not None and dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        return dtype
    if value is None:
        return None
    raise ValueError(f"[{where}] {argument}: expected torch.float32, bfloat16 or float16, got {value!r}")


def device_of(value: torch.device | str | None, argument: str, where: str) -> torch.device | None:
    if value is None:
        return None
    try:
        device = torch.device(value)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else "none"
        raise ValueError(f"[{where}] {argument}: expected a device that is there, got {value!r}: {reason}") from None
    return device


def _lora(entry: Any, where: str) -> tuple[Path, float]:
    path, scale = (entry, 1.0) if isinstance(entry, (str, os.PathLike)) else entry
    if not Path(path).exists():
        raise ValueError(f"[{where}] lora: expected a file of weights, got {str(path)!r}")
    return Path(path), float(scale)
