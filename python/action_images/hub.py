# SPDX-License-Identifier: Apache-2.0
"""Models of the Hugging Face Hub: from "owner/name" to a folder on disk. Needs huggingface_hub, and only for this.

Checkpoints lie where the released implementation keeps them: `checkpoints/<owner>--<name>`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CHECKPOINT_FILES", "WAN_FILES", "download", "is_hub_id"]

WHERE = "hub::download"
WEIGHTS = (".ckpt", ".pth", ".pt", ".bin", ".safetensors", ".json")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")

CHECKPOINT_FILES = ("*.ckpt", "*.safetensors", "*.json", "*.model", "*.pth", "google/*")
"""What of a repository of checkpoints is downloaded: weights, configs, tokenizers; no pictures, videos or code."""

WAN_FILES = ("models_t5_umt5-xxl-enc-bf16*.pth", "Wan*_VAE.pth", "google/*", "config.json")
"""What beside a transformer of its own is needed of Wan's weights."""


def is_hub_id(name: str | os.PathLike) -> bool:
    """Whether a name that is no file or folder reads as "owner/name" on the Hub, and not as a file of weights."""
    text = os.fspath(name)
    return bool(HUB_ID.fullmatch(text)) and not text.endswith(WEIGHTS) and not os.path.exists(text)


def download(
    repo_id: str,
    *,
    checkpoints: str | os.PathLike = "checkpoints",
    allow_patterns: Sequence[str] = CHECKPOINT_FILES,
    revision: str | None = None,
) -> Path:
    """The folder `checkpoints`/<owner>--<name> with the files of a repository of the Hub that match `allow_patterns`.

    A folder that an earlier download completed is used as it is, without the network; with a `revision` (a branch, tag
    or commit) the Hub is asked again. Raises ValueError if `repo_id` is not "owner/name", ImportError that says what to
    do if huggingface_hub is not installed, and FileNotFoundError if the Hub cannot be reached or has no such model.
    """
    if not HUB_ID.fullmatch(repo_id):
        raise ValueError(f'[{WHERE}] repo_id: expected "owner/name", got "{repo_id}"')
    folder = Path(checkpoints) / repo_id.replace("/", "--")
    complete = folder / ".complete"
    if complete.exists() and revision is None:
        return folder
    by_hand = f"hf download {repo_id} --local-dir {folder} (on a machine with a network)"
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        if any(folder.glob("*.*")):  # downloaded by hand
            return folder
        raise ImportError(
            f'[{WHERE}] "{repo_id}" is no file or folder, and to download it from the Hub needs huggingface_hub: '
            f"pip install huggingface_hub, or {by_hand}"
        ) from error
    try:
        snapshot_download(repo_id, local_dir=folder, allow_patterns=list(allow_patterns), revision=revision)
    except Exception as error:  # huggingface_hub has dozens: of requests, httpx, its own
        if any(folder.glob("*.*")) and revision is None:
            return folder
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileNotFoundError(
            f"[{WHERE}] {repo_id}: expected a repository of the Hub that can be downloaded, got {reason[:300]}; "
            f"otherwise: {by_hand}"
        ) from error
    complete.touch()
    return folder
