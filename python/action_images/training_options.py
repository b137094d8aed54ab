# SPDX-License-Identifier: Apache-2.0
"""Names of the released implementation's train.py, and where they stand in a training configuration."""

from __future__ import annotations

# A flat name -> its place in the configuration.
PLACES = {
    "num_frames": "model.frames",
    "height": "model.height",
    "width": "model.width",
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "checkpoint_save_top_k": "checkpoint_keep_last",
    "lora_rank": "lora.rank",
    "lora_alpha": "lora.alpha",
    "tile_size_height": "vae_tiling.size.0",
    "tile_size_width": "vae_tiling.size.1",
    "tile_stride_height": "vae_tiling.stride.0",
    "tile_stride_width": "vae_tiling.stride.1",
}

# Options of the command line that set the key of their name.
RUN_OPTIONS: dict[str, type] = {
    "dataset_path": str,
    "dataset_name": str,
    "output_dir": str,
    "num_frames": int,
    "height": int,
    "width": int,
    "model_id": str,
    "init_ckpt_path": str,
    "resume_ckpt_path": str,
    "learning_rate": float,
    "warmup_steps": int,
    "max_steps": int,
    "batch_size": int,
    "gradient_accumulation_steps": int,
    "max_grad_norm": float,
    "use_gradient_checkpointing": bool,
    "use_gradient_checkpointing_offload": bool,
    "checkpoint_every_n_steps": int,
    "checkpoint_save_top_k": int,
    "full_param": bool,
    "tiled": bool,
    "tile_size_height": int,
    "tile_size_width": int,
    "tile_stride_height": int,
    "tile_stride_width": int,
    "seed": int,
}
