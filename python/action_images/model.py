# SPDX-License-Identifier: Apache-2.0
"""World models: pictures and an instruction in; video, action images and a trajectory out. Needs torch.

>>> model = WorldModel.load("embedded")                       # or a folder, a checkpoint, a name on the Hub
>>> rollout = model.generate([left, right], "reach the red block", rig=rig, seed=0)
>>> rollout.actions                                           # (T, 7): x y z [m], ex ey ez [rad], openness [0, 1]
>>> rollout.save("out")

The networks that a world model is made of are here too, for those who train or build their own, and the codec on
tensors: `encode_tensor` and `decode_tensor`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import Rig

try:
    import torch  # its libraries first

    from . import _model
    from ._model import (
        VGGT,
        ActionHead,
        EmbeddingCache,
        FlowMatchSchedule,
        PatchVAE,
        TensorDecoded,
        TensorRig,
        Tokenizer,
        UMT5Encoder,
        VideoReader,
        WanImageEncoder,
        WanTransformer,
        WanVAE,
        cameras_from_pose_encoding,
        clean_prompt,
        convert_weights,
        file_fingerprint,
        intrinsics_of_pictures,
        load_tensors,
        load_vggt,
        merge_lora,
        points_from_depth,
        pose_encoding_from_cameras,
        read_image,
        read_video,
        save_tensors,
        vggt_pictures,
        wan_config_from_tensors,
        wan_transformer_tensors,
        wan_vae_from_diffusers,
        with_camera_layers,
        world_preset,
        world_preset_names,
        write_image,
        write_video,
    )
except ImportError as error:
    if "undefined symbol" in str(error):
        raise ImportError(
            "action_images.model was built for another torch than the installed one: "
            "pip install --no-build-isolation --force-reinstall --no-deps action-images"
        ) from error
    raise ImportError(
        "action_images.model needs torch: pip install torch, then pip install --no-build-isolation action-images"
    ) from error

from . import _loading
from ._action_head import train_action_head
from ._cameras import SceneEstimate, common_pictures, estimate_cameras, estimate_scene
from ._estimated_rollout import estimated_rig, in_own_unit
from ._generate_options import native_options
from ._inputs import pictures, videos_of
from ._loading import embedded_models
from ._memory import enough_memory
from ._prompts import PromptEncoder, texts
from ._rollout import Rollout
from ._tensor_codec import decode_tensor, encode_tensor, tensor_rig
from ._vae_finetuning import train_vae

__all__ = [
    "WAN_NEGATIVE_PROMPT",
    "ActionHead",
    "EmbeddingCache",
    "FlowMatchSchedule",
    "PatchVAE",
    "PromptEncoder",
    "Rollout",
    "SceneEstimate",
    "TensorDecoded",
    "TensorRig",
    "Tokenizer",
    "UMT5Encoder",
    "VGGT",
    "VideoReader",
    "WanImageEncoder",
    "WanTransformer",
    "WanVAE",
    "WorldModel",
    "cameras_from_pose_encoding",
    "check_train_config",
    "clean_prompt",
    "common_pictures",
    "convert_weights",
    "decode_tensor",
    "embedded_models",
    "encode_tensor",
    "estimate_cameras",
    "estimate_scene",
    "file_fingerprint",
    "inspect_weights",
    "intrinsics_of_pictures",
    "load_tensors",
    "load_vggt",
    "merge_lora",
    "points_from_depth",
    "pose_encoding_from_cameras",
    "read_image",
    "read_video",
    "save_tensors",
    "tensor_rig",
    "train",
    "train_action_head",
    "train_vae",
    "vggt_pictures",
    "wan_config_from_tensors",
    "wan_transformer_tensors",
    "wan_vae_from_diffusers",
    "with_camera_layers",
    "world_preset",
    "world_preset_names",
    "write_image",
    "write_video",
]

WHERE = "model::WorldModel"

WAN_NEGATIVE_PROMPT: str = _model.wan_negative_prompt()
"""The negative prompt that Wan's public pipelines take by default, a Chinese list of flaws; `negative_prompt="wan"`."""


class WorldModel:
    """A loaded world model. It may be used from several threads at once."""

    def __init__(self, model: str | os.PathLike, **options: Any):
        """Loads a world model; see `load`."""
        where = f"{WHERE}.load"
        path = _loading.model_path(model, where, options.get("checkpoints", "checkpoints"))
        with enough_memory(where):
            self._native = _model.WorldModel(path, **_loading.options(where, **options))
        self._config = json.loads(self._native.config)

    @classmethod
    def load(cls, model: str | os.PathLike, **options: Any) -> WorldModel:
        """Loads a world model.

        model: "embedded", which came with the package; a folder with config.json, model.safetensors and
            tokenizer.model; a checkpoint of the released implementation (a file, a folder with one .ckpt, or its name
            on the Hub, "anyeZHY/ActionImages"), whose other parts are Wan's; a folder as Wan publishes it; or one of
            diffusers. A transformer without camera layers gets some that have no effect, with a warning.
        base: folder (or name on the Hub) with the parts that a checkpoint does not have: text encoder, VAE, tokenizer.
            Without it they are looked for beside the checkpoint, and in checkpoints/model_id.
        model_id: "Wan-AI/Wan2.2-TI2V-5B". checkpoints: the folder "checkpoints".
        dtype, device: of all networks; by default the files' dtype (float32 for float16) on the CPU, where the weights
            then stay on disk, mapped into memory. vae_dtype, vae_device, text_dtype, text_device: of one network.
            Pictures, noise and results are on the CPU in any case.
        keep_text_encoder: whether it stays in memory after its first use; by default if it has at most 1 GiB.
        embedding_cache: folder of prompt embeddings (EmbeddingCache); the text encoder is not read for prompts in it.
        lora: files, or (file, scale) pairs, to be merged into the transformer.
        config: keys laid over the model's config, such as {"height": 256, "width": 256}.
        progress: called with ("transformer" or "VAE", bytes done, bytes in all); returning False, or raising, stops.
        notice: called with what is noteworthy; by default a warning.

        Raises ValueError for a model that is not known, a dtype or device that there is not, and networks that do not
        fit each other; FormatError naming all missing files, a damaged one, a wrong key of the config, or all tensors
        of a network that do not fit; ImportError or FileNotFoundError for the Hub.
        """
        return cls(model, **options)

    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """States (B, L, D) of prompts on the CPU, as `generate` computes them: padding rows are zero.

        Raises ValueError for a prompt that is too long, unless the model's config says that it is cut.
        """
        with enough_memory(f"{WHERE}.encode_prompts"):
            return self._native.encode_prompts(texts(prompts, f"{WHERE}.encode_prompts"))

    @property
    def config(self) -> dict[str, Any]:
        """The model's config.json: sizes, conventions, sampling."""
        return json.loads(json.dumps(self._config))

    def __repr__(self) -> str:
        size = "{views} views, {frames} frames, {height} x {width} px".format_map(self._config)
        return f"WorldModel({self._config['name']!r}: {size})"

    def generate(
        self,
        images: Sequence[Any] | None,
        prompt: str = "",
        *,
        rig: Rig | SceneEstimate | None = None,
        vggt: Any = None,
        task: str = "i2va",
        actions: Any = None,
        first_action: Any = None,
        view_actions: Any = None,
        view_actions_of: str = "given",
        action_views: Sequence[int] | None = None,
        action_head: Any = None,
        videos: Sequence[Any] | None = None,
        frames: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        guidance_rescale: float | None = None,
        guidance_interval: tuple[float, float] | None = None,
        shift: float | None = None,
        sigma_min: float | None = None,
        extra_one_step: bool | None = None,
        solver: str | None = None,
        step_cache: str | None = None,
        step_cache_threshold: float | None = None,
        negative_prompt: str | None = None,
        tiled: bool = False,
        tile_size: tuple[int, int] = (34, 34),
        tile_stride: tuple[int, int] = (18, 16),
        seed: int = 0,
        progress: Callable[[int, int], Any] | None = None,
        stage_progress: Callable[[str, int, int], Any] | None = None,
    ) -> Rollout:
        """Generates what the task asks for (paper Sec. 3.3).

        images: one first picture per view, of the rig's size: (H, W, 3) uint8 or floating point in [0, 1], a PIL
            image, or a path. They are cropped and resized to the model's size, the rig with them.
        prompt: the instruction; may be empty for a2v and v2a.
        rig: cameras of the pictures, in any world frame; actions come out in the same. A rig that moves has the cameras
            of all T frames: the video is what they would see, and actions are drawn and read with them. Without a rig
            VGGT estimates the cameras from the pictures (of videos the first frames), as the release does; so does
            beforehand estimate_scene, whose result may be given. Then actions are in VGGT's unit, which is not metres,
            known ones can only be told by view_actions, and the rollout's settings["cameras"] and scene say what was seen.
        vggt: weights for that, as estimate_scene takes them.
        task: "i2va" plans: video and action images. "a2v" simulates `actions`: video. "v2a" labels `videos`: action
            images. "i2v" makes plain video. "i2a" plans action images alone, from a shorter sequence.
        actions: a2v: (T, 7). first_action: (7,), where the gripper is in the pictures, if known (i2va, v2a, i2a).
        view_actions: instead of these two, what each view sees: (V, 7) or (V, T, 7), rows [red x, red y, green x,
            green y, blue x, blue y, openness] in pixels; NaN pairs are not drawn. a2v takes all rows, or one for all
            frames; the other tasks take the first. view_actions_of: "given", pixels of the pictures as they are given
            (crop and resize change them too), or "model", of the model's own pictures, as the release's --view1_action.
        action_views: i2a: the views whose action images are made, rising; by default all.
        action_head: an ActionHead or its file, which corrects the decoded actions (i2va, v2a, i2a of all views).
        videos: v2a, instead of images: one (T, H, W, 3) video, as images are given, or its path, per view.
        frames: T = 4k + 1; by default those of the actions, videos or moving rig, or the model's.
        steps, guidance, shift, negative_prompt: of the denoising; by default the model's. guidance 1: none.
            negative_prompt "wan" is WAN_NEGATIVE_PROMPT.
        guidance_rescale: 0..1, how much of the conditional prediction's deviation is restored. guidance_interval:
            (low, high) within 0..1, the noise levels with guidance.
        solver: "euler", "unipc", "unipc-bh1" or "dpm++2m". sigma_min, extra_one_step: of Euler's schedule.
        step_cache: "none", or one that spares evaluations and is lossy: "cosine" (the release's), "easy", "tea".
            step_cache_threshold: the larger, the more "easy" and "tea" spare; of "cosine" the least similarity.
        tiled: the VAE works on overlapping tiles, which bounds its memory: of tile_size, every tile_stride, (height,
            width) in latents.
        seed: equal seeds give equal bits on one machine at one number of torch's threads.
        progress: called with (steps done, steps). stage_progress: called with (stage, done, all): latent frames of
            "pictures", "actions", "cameras", "video" and "action_images", steps of "sample". Returning False, or
            raising, ends the generation.

        Raises ShapeError for a wrong number or size of pictures, or frames not 4k + 1; FormatError for files that
        cannot be read; ValueError for an empty or over-long prompt, missing actions, a rig that moves for another
        number of frames, NaN, or a number out of range; without a rig also what estimate_scene raises.
        """
        where = f"{WHERE}.generate"
        if not isinstance(rig, (Rig, SceneEstimate, type(None))):
            raise ValueError(f"[{where}] rig: expected an action_images.Rig, got {type(rig).__name__}")
        for argument, text in {"prompt": prompt, "negative_prompt": negative_prompt or ""}.items():
            if not isinstance(text, str):
                raise ValueError(f"[{where}] {argument}: expected a text, got {type(text).__name__}")
        if (task == "v2a") != (videos is not None) or (task == "v2a") == (images is not None):
            wanted = "videos and no images" if task == "v2a" else "images and no videos"
            raise ValueError(f"[{where}] images, videos: expected {wanted} for task {task}, got others")
        views = pictures(images, where) if videos is None else videos_of(videos, where)
        options = native_options(
            where,
            task=task,
            actions=actions,
            first_action=first_action,
            view_actions=view_actions,
            view_actions_of=view_actions_of,
            action_views=action_views,
            action_head=action_head,
            frames=frames,
            steps=steps,
            guidance=guidance,
            guidance_rescale=guidance_rescale,
            guidance_interval=guidance_interval,
            shift=shift,
            sigma_min=sigma_min,
            extra_one_step=extra_one_step,
            solver=solver,
            step_cache=step_cache,
            step_cache_threshold=step_cache_threshold,
            negative_prompt=negative_prompt,
            tile_size=tile_size if tiled else None,
            tile_stride=tile_stride if tiled else None,
            seed=seed,
        )
        estimate = None
        if not isinstance(rig, Rig):
            metres = {"actions": actions, "first_action": first_action, "action_head": action_head}
            estimate, rig, views = estimated_rig(rig, views, self._config["views"], vggt, metres)
        with enough_memory(where):
            made = self._native.generate(views, prompt, rig, options, progress, stage_progress)
        if made["actions"] is None:
            made["confidence"] = None
        made["settings"], made["timings"] = json.loads(made["settings"]), json.loads(made["timings"])
        if estimate is not None:
            made = in_own_unit(made, estimate, self._config["codec"])
        return Rollout(**made, prompt=prompt, task=task)


def check_train_config(config: Mapping[str, Any]) -> None:
    """Raises FormatError or ValueError naming what is wrong in a training configuration; reads no data."""
    _model.check_train_config(json.dumps(config))


def train(
    config: Mapping[str, Any],
    output: str | os.PathLike,
    listener: Callable[[dict], Any] | None = None,
    *,
    group: str | None = None,
) -> bool:
    """Trains a world model, or continues an interrupted run that is found in `output`.

    config: the training configuration (docs/training.md). output: folder for checkpoint-N/, log.jsonl and, at the end,
    final_model.safetensors and model/. listener: called with a dict for every event ("step", "log", "validation",
    "cache", "checkpoint", "skipped", "done"; in other processes than the first one "step" alone); returning False saves
    and stops, as Ctrl-C does. group: name of torch.distributed's group of the processes that train together
    (action_images.training.process_group makes it under torchrun). Returns True when the run reached its end.

    Raises FormatError or ValueError for a wrong configuration or files that cannot be read, NumericalError if the loss
    is not finite.
    """

    def hear(event: str) -> bool:
        try:
            return listener is None or listener(json.loads(event)) is not False
        except KeyboardInterrupt:
            return False

    os.makedirs(output, exist_ok=True)
    return _model.train(json.dumps({**config}), os.fspath(output), hear, group)


def inspect_weights(path: str | os.PathLike, part: str = "") -> dict[str, Any]:
    """What is in a file of weights (or a folder, or an index of shards), without reading its numbers.

    Keys: "files", "bytes", "values", "kind" ("transformer", "vae", "text_encoder", "image_encoder", "lora",
    "world_model" or "other"), "config" (of the network, as the shapes say, or None), "dtypes" ({name: {"tensors",
    "values", "bytes"}}), "metadata", and "tensors" ([{"name", "dtype", "shape", "bytes"}]). part: which of several state
    dicts in a file of torch.save. Raises FormatError, naming the file, as load_tensors does.
    """
    return json.loads(_model.inspect_weights(path, part))
