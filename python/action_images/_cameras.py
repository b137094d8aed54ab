# SPDX-License-Identifier: Apache-2.0
"""Cameras and points of pictures; `action_images.model` is the face."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import Camera, Rig, ShapeError, _loading, _model
from ._inputs import alpha_pictures, number, whole_number
from ._memory import enough_memory
from ._vggt_weights import weights_of
from .point_cloud import PointCloud

WHERE = "model::estimate_scene"
RELEASED: dict[str, Any] = {"sizing": "release", "percentile": 0.0}
"""How the released implementation prepares its pictures and which points it keeps."""


@dataclass(frozen=True, repr=False, eq=False)
class SceneEstimate:
    """Cameras of S pictures, estimated by VGGT, and the points that they show.

    The world is about the frame of the first camera, in OpenCV's axes. Its unit is arbitrary: not metres, and another one
    for other pictures.
    """

    rig: Rig
    """The cameras in the pictures' own pixels. If the pictures' sizes differ, in those of `common_pictures`"""
    scene: PointCloud
    """(N, 3) points, their colours and VGGT's confidence, >= 1"""
    cameras: list[Camera]
    """S, each in its own picture's pixels"""
    depth: np.ndarray
    """(S, H, W) float32: depth maps of the pictures as the network saw them"""
    depth_confidence: np.ndarray
    """(S, H, W) float32, >= 1"""
    placements: list[tuple[float, float, float, float]]
    """S: (scale_x, scale_y, offset_x, offset_y), where a picture lies in its map: x' = scale_x x + offset_x [px]"""
    quality: dict[str, Any]
    """confidence, fov_x and fov_y [deg], depth, baseline (over depth), parallax [deg], overlap, agreement, depth_error,
    depth_confidence, and warnings; see docs/cameras.md"""
    settings: dict[str, Any]
    """What it was made with: weights, sizing, dtype, ..."""

    @property
    def warnings(self) -> list[str]:
        """What is poor about the pictures or their cameras, a sentence each."""
        return [text_of(warning) for warning in self.quality["warnings"]]

    @property
    def confidence(self) -> float:
        """0..1, of the quality: 0 says that nothing supports these cameras."""
        return self.quality["confidence"]

    def summary(self) -> str:
        """One line that says what this is and how good it is."""
        quality = self.quality
        return (
            f"cameras estimated from the pictures by VGGT, confidence {quality['confidence']:.2f}: baseline "
            f"{quality['baseline']:.2f} of the depth, parallax {quality['parallax']:.1f} deg, "
            f"{100 * quality['agreement']:.0f} % of the points agree; lengths are in its own unit, not metres"
        )

    def __repr__(self) -> str:
        return f"SceneEstimate({len(self.cameras)} cameras, {len(self.scene)} points, confidence {self.confidence:.2f})"


def text_of(warning: Mapping[str, Any]) -> str:
    """A warning of the quality as a sentence that names its pictures."""
    views = [str(view) for view in warning["views"]]
    if not views:
        return warning["text"]
    named = f"pictures {', '.join(views[:-1])} and {views[-1]}" if len(views) > 1 else f"picture {views[0]}"
    return f"{named}: {warning['text']}"


def estimate_cameras(images: Sequence[Any], weights: Any = None, **options: Any) -> Rig:
    """The cameras of pictures, estimated by VGGT: `estimate_scene(images, weights, **options).rig`."""
    return estimate_scene(images, weights, **options).rig


def estimate_scene(
    images: Sequence[Any],
    weights: Any = None,
    *,
    sizing: str = "crop",
    percentile: float = 50.0,
    min_confidence: float = 0.0,
    pixel_offset: float = 0.5,
    chunk: int = 8,
    config: Mapping[str, Any] | None = None,
    dtype: torch.dtype | str | None = None,
    device: torch.device | str | None = None,
    cache: bool | str | os.PathLike = True,
    checkpoints: str | os.PathLike = "checkpoints",
    progress: Callable[[str, int, int], Any] | None = None,
    notice: Callable[[str], Any] | None = None,
) -> SceneEstimate:
    """Cameras of pictures, and the points that they show, estimated by VGGT (Wang et al. 2025, arXiv 2503.11651).

    images: one or more pictures of one scene: (H, W, 3 or 4) uint8 or floating point in [0, 1], PIL images, or paths; of
        an .mp4 file the first frame.
    weights: a file of VGGT's published weights, a folder with one, "facebook/VGGT-1B" (from the Hub, which downloads 5 GB
        once), or a VGGT. By default $ACTION_IMAGES_VGGT, or what lies in `checkpoints` or in the Hub's cache: nothing is
        downloaded then.
    sizing: how pictures are brought to VGGT's size: "crop", "pad", "square" or "release". The cameras are those of the
        pictures as given, whichever it is.
    percentile, min_confidence: the least sure points, so many per cent of them or below that confidence, are left out.
    pixel_offset: of the points, 0.5 at the pixels' centres; 0 makes those of the released implementation.
    chunk: pictures that the depth head takes at once.
    config: of VGGT, if the weights' shapes do not tell it (keys as VGGT takes them).
    dtype: of all but its heads: torch.float32 (default), bfloat16 or float16. device: the CPU by default.
    cache: what the network saw is kept in this folder, by the contents of pictures and weights; True: in `cache_folder()`;
        False: not at all. A VGGT in memory is always asked.
    progress: called with ("weights" or "network", done, all); returning False, or raising, stops.
    notice: called with each warning of the quality; by default a warning.

    Raises ShapeError for no picture or other shapes; ValueError for a picture of one colour, the same picture twice, an
    option out of range, or if no weights are found; FormatError for pictures or weights that cannot be read;
    NumericalError if what the network gives is no camera.
    """
    pictures = [torch.from_numpy(picture) for picture in alpha_pictures(images, WHERE)]
    network, name = weights_of(weights, checkpoints, WHERE)
    in_memory = isinstance(network, _model.VGGT)
    if in_memory and any(option is not None for option in (config, dtype, device)):
        raise ValueError(f"[{WHERE}] config, dtype, device: expected none beside a VGGT in memory, got one")
    options = {
        "sizing": str(sizing),
        "percentile": number(percentile, "percentile", WHERE),
        "min_confidence": number(min_confidence, "min_confidence", WHERE),
        "pixel_offset": number(pixel_offset, "pixel_offset", WHERE),
    }
    with enough_memory(WHERE):
        made = _model.estimate_scene(
            network,
            pictures,
            **options,
            chunk=whole_number(chunk, "chunk", WHERE, low=1, high=1024),
            config=None if config is None else dict(config),
            dtype=_loading.dtype_of(dtype, "dtype", WHERE),
            device=_loading.device_of(device, "device", WHERE),
            cache=None if in_memory else cache_of(cache),
            progress=progress,
        )
    kept = "as in memory" if in_memory else str(dtype or "float32").replace("torch.", "")
    settings = {"estimated": "vggt", "weights": name, **options, "dtype": kept, "unit": "arbitrary, not metres"}
    estimate = _estimate(made, settings)
    for text in estimate.warnings:
        (notice or _warn)(text)
    return estimate


def cache_folder() -> Path:
    """Where estimated cameras are kept by default: $XDG_CACHE_HOME/action-images/cameras, ~/.cache if that is not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "action-images" / "cameras"


def cache_of(cache: bool | str | os.PathLike) -> Path | None:
    if cache is False or cache is None:
        return None
    return cache_folder() if cache is True else Path(cache)


def common_pictures(images: Sequence[Any]) -> np.ndarray:
    """The pictures (S, H, W, 3) uint8 that the rig of `estimate_scene` is for: as they are, or if their sizes differ
    their middle squares, all resized to the largest of them. Raises what `estimate_scene` raises for pictures."""
    pictures = alpha_pictures(images, "model::common_pictures")
    return _model.common_pictures([torch.from_numpy(picture) for picture in pictures]).numpy()


def check_views(images: Sequence[Any], views: int, where: str) -> None:
    """Raises ShapeError unless there are as many pictures as a model wants (0: any number), before VGGT runs."""
    if views and len(images) != views:
        raise ShapeError(
            f"[{where}] images: expected {views}, the views that the model was trained with, got {len(images)}"
        )


def _estimate(made: dict[str, Any], settings: dict[str, Any]) -> SceneEstimate:
    cloud = PointCloud(*(made[name].numpy() for name in ("points", "colors", "confidence")))
    return SceneEstimate(
        rig=made["rig"],
        scene=cloud,
        cameras=made["cameras"],
        depth=made["depth"].numpy(),
        depth_confidence=made["depth_confidence"].numpy(),
        placements=[tuple(placement) for placement in made["placements"]],
        quality=json.loads(made["quality"]),
        settings=settings,
    )


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)
