# SPDX-License-Identifier: Apache-2.0
"""Prompts and the text encoder alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from . import _loading, _model
from ._memory import enough_memory


class PromptEncoder:
    """The text encoder and tokenizer of a world model alone.

    To encode prompts before the world model itself is in memory, with an `embedding_cache` that both are given:

    >>> PromptEncoder("ActionImages/checkpoint.ckpt", embedding_cache="prompts").encode([prompt, ""])
    >>> model = WorldModel.load("ActionImages/checkpoint.ckpt", embedding_cache="prompts")
    """

    def __init__(self, model: str | os.PathLike, **options: Any):
        """Finds the files; takes what `WorldModel.load` takes, and raises what it raises."""
        where = "model::PromptEncoder"
        path = _loading.model_path(model, where, options.get("checkpoints", "checkpoints"))
        self._native = _model.PromptEncoder(path, **_loading.options(where, **options))

    def encode(self, prompts: Sequence[str]) -> torch.Tensor:
        """States (B, L, D) of prompts on the CPU; padding rows are zero. The network is read unless all are cached."""
        with enough_memory("model::PromptEncoder.encode"):
            return self._native.encode(texts(prompts, "model::PromptEncoder.encode"))


def texts(prompts: Sequence[str], where: str) -> list[str]:
    if isinstance(prompts, str) or not all(isinstance(prompt, str) for prompt in prompts) or not prompts:
        raise ValueError(f"[{where}] prompts: expected a list of texts, got {prompts!r:.80}")
    return list(prompts)
