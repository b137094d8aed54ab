# SPDX-License-Identifier: Apache-2.0
"""Frames side by side, and small frames made large enough to look at."""

import numpy as np

from action_images import ShapeError, heat_blend


def check_frames(where, argument, frames, axes):
    """Returns `frames` as an array; an error unless it is uint8 with `axes` axes, the last of size 3."""
    frames = np.asarray(frames)
    expected = {3: "(H, W, 3)", 4: "(T, H, W, 3)", 5: "(V, T, H, W, 3)"}[axes]
    if frames.ndim != axes or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ShapeError(f"[{where}] {argument}: expected {expected}, got {frames.shape}")
    if frames.dtype != np.uint8:
        raise ValueError(f"[{where}] {argument}: expected dtype uint8, got {frames.dtype}")
    return frames


def panel(video, action):
    """One view as [video | action image | 50/50 blend], side by side.

    video, action: (T, H, W, 3) uint8. Returns (T, H, 3 W, 3) uint8. Raises ShapeError if the shapes differ.
    """
    video = check_frames("presentation::panel", "video", video, 4)
    action = check_frames("presentation::panel", "action", action, 4)
    if action.shape != video.shape:
        raise ShapeError(f"[presentation::panel] action: expected {video.shape}, got {action.shape}")
    return np.concatenate([video, action, heat_blend(video, action)], axis=2)


def upscale(frames, minimum=256):
    """Repeats pixels by the smallest whole factor that makes the shorter side at least `minimum` px.

    frames: (..., H, W, 3). Larger frames are returned as they are.
    """
    frames = np.asarray(frames)
    if frames.ndim < 3 or 0 in frames.shape:
        raise ShapeError(f"[presentation::upscale] frames: expected (..., H, W, 3), got {frames.shape}")
    factor = -(-minimum // min(frames.shape[-3:-1]))
    return frames if factor <= 1 else frames.repeat(factor, axis=-3).repeat(factor, axis=-2)
