# SPDX-License-Identifier: Apache-2.0
"""The released checkpoint and Wan's weights in small: the same files and names, with few and random weights."""

import json
import pathlib
import shutil

import torch

from action_images import model

MODEL_ID = "Wan-AI/Wan2.2-TI2V-5B"
SIZE, FRAMES = 64, 5
WORLD = {"height": SIZE, "width": SIZE, "frames": FRAMES}
TOKENIZER = pathlib.Path(__file__).parents[2] / "python/action_images/models/embedded/tokenizer.model"

TEXT = {"vocab": 160, "dim": 16, "dim_attn": 16, "dim_ffn": 24, "num_heads": 2, "num_layers": 2, "num_buckets": 8}
VAE = {"version": "2.2", "dim": 8, "dec_dim": 12, "z_dim": 6, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 1}
TRANSFORMER = {
    "dim": 48, "in_dim": 6, "out_dim": 6, "ffn_dim": 64, "text_dim": 16, "freq_dim": 32, "num_heads": 2,
    "num_layers": 2,
    "camera_channels": 12, "camera_pool": [48, 16, 16],
}  # fmt: skip


def random_state(network, seed):
    """Every parameter random, so that no term of the equations is zero, and features keep their size."""
    random = torch.Generator().manual_seed(seed)

    def draw(name, value):
        values = torch.randn(value.shape, generator=random)
        if name.endswith("gamma") or ("norm" in name and name.endswith("weight")):
            return 1.0 + 0.2 * values
        return values * (0.1 if value.dim() == 1 else value[0].numel() ** -0.5)

    return {name: draw(name, value) for name, value in network.state_dict().items()}


def weights():
    """The state dicts "transformer", "text" and "vae", float32."""
    networks = {
        "transformer": model.WanTransformer(TRANSFORMER),
        "text": model.UMT5Encoder(TEXT),
        "vae": model.WanVAE(VAE),
    }
    return {name: random_state(network, seed) for seed, (name, network) in enumerate(networks.items())}


def without_cameras(transformer):
    return {name: value for name, value in transformer.items() if "cam_encoder" not in name and "projector" not in name}


def write_wan(folder, state=None):
    """Wan's weights as they are published, the transformer in two shards. Returns the folder."""
    state = state or weights()
    folder = pathlib.Path(folder)
    (folder / "google/umt5-xxl").mkdir(parents=True)
    shutil.copy(TOKENIZER, folder / "google/umt5-xxl/spiece.model")
    torch.save(state["text"], folder / "models_t5_umt5-xxl-enc-bf16.pth")
    torch.save(state["vae"], folder / "Wan2.2_VAE.pth")
    plain = sorted(without_cameras(state["transformer"]).items())
    for shard, part in enumerate((plain[::2], plain[1::2])):
        name = f"diffusion_pytorch_model-{shard + 1:05d}-of-00002.safetensors"
        model.save_tensors(folder / name, {key: value.contiguous() for key, value in part})
    (folder / "config.json").write_text(json.dumps({"_class_name": "WanModel", "num_heads": TRANSFORMER["num_heads"]}))
    return folder


def write_checkpoint(folder, state=None):
    """The released checkpoint: a state dict of the transformer, saved by torch.save. Returns the file."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save((state or weights())["transformer"], folder / "checkpoint.ckpt")
    (folder / "config.json").write_text(json.dumps({"num_heads": TRANSFORMER["num_heads"]}))
    return folder / "checkpoint.ckpt"


def write_release(root):
    """ROOT/checkpoints/Wan-AI/Wan2.2-TI2V-5B and ROOT/ActionImages/checkpoint.ckpt. Returns the checkpoint."""
    state = weights()
    write_wan(pathlib.Path(root) / "checkpoints" / MODEL_ID, state)
    return write_checkpoint(pathlib.Path(root) / "ActionImages", state)


def write_diffusers(folder):
    """The same weights in folders as diffusers has them, under their published names. Returns the folder."""
    state, folder = weights(), pathlib.Path(folder)
    parts = {
        "transformer/diffusion_pytorch_model.safetensors": state["transformer"],
        "vae/diffusion_pytorch_model.safetensors": state["vae"],
        "text_encoder/model.safetensors": state["text"],
    }
    for path, tensors in parts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        model.save_tensors(folder / path, {name: value.contiguous() for name, value in tensors.items()})
    config = {"num_attention_heads": TRANSFORMER["num_heads"], "attention_head_dim": 24}
    (folder / "transformer/config.json").write_text(json.dumps(config))
    (folder / "tokenizer").mkdir()
    shutil.copy(TOKENIZER, folder / "tokenizer/spiece.model")
    return folder
