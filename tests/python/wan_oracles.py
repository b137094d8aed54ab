# SPDX-License-Identifier: Apache-2.0
"""Two independent implementations of Wan's transformer with the sizes of one of our configs, and inputs for them."""

import json
from pathlib import Path

import pytest
import torch

from action_images import _model

SHARED = {"text_dim": 40, "freq_dim": 32, "eps": 1e-6, "patch_size": [1, 2, 2]}
CONFIGS = {
    "small": {"dim": 48, "in_dim": 6, "ffn_dim": 100, "out_dim": 6, "num_heads": 4, "num_layers": 2, **SHARED},
    "wide heads, other output": {
        "dim": 128, "in_dim": 5, "ffn_dim": 96, "out_dim": 7, "num_heads": 1, "num_layers": 3, **SHARED
    },
    "head width no multiple of 6": {
        "dim": 96, "in_dim": 16, "ffn_dim": 64, "out_dim": 16, "num_heads": 3, "num_layers": 1, **SHARED
    },
}
GRIDS = {"small": (3, 6, 10), "wide heads, other output": (5, 2, 14), "head width no multiple of 6": (1, 10, 6)}

# The embedded model's transformer with its extras off, which is then Wan's network and nothing else.
EXTRAS_OFF = {"camera_channels": 0, "image_stem": [], "pooled_text_modulation": False, "rope_theta": 10000.0}
EMBEDDED = Path(_model.__file__).parent / "configs" / "embedded.json"
CONFIGS["embedded, extras off"] = {
    "eps": 1e-6, "patch_size": [1, 2, 2], **json.loads(EMBEDDED.read_text())["model"]["transformer"], **EXTRAS_OFF
}
GRIDS["embedded, extras off"] = (12, 8, 8)
# diffsynth splits the channels of a head in thirds, which needs a width of a head that is a multiple of 6, or 128.
THIRDS = ["small", "wide heads, other output"]


def random_state(network, seed=0):
    """Every parameter random, so that no term of the equations is zero."""
    random = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=random) * (0.3 if value.dim() == 1 else value[0].numel() ** -0.5)
        + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        for name, value in network.state_dict().items()
    }


def network_of(config, seed=0):
    network = _model.WanTransformer(config)
    network.load_state_dict(random_state(network, seed))
    return network


def inputs_of(config, grid, batch=2, text_length=7, seed=1):
    random = torch.Generator().manual_seed(seed)
    latents = torch.randn(batch, config["in_dim"], *grid, generator=random)
    text = torch.randn(batch, text_length, config["text_dim"], generator=random)
    text[:, text_length // 2 :] = 0.0  # padding, which Wan attends to
    return latents, torch.rand(batch, generator=random) * 1000.0, text


def relative_error(got, reference):
    return ((got - reference).abs().max() / reference.abs().max()).item()


def diffusers_name(name):
    """The name in diffusers of a parameter of the published checkpoints."""
    top = {
        "text_embedding.0": "condition_embedder.text_embedder.linear_1",
        "text_embedding.2": "condition_embedder.text_embedder.linear_2",
        "time_embedding.0": "condition_embedder.time_embedder.linear_1",
        "time_embedding.2": "condition_embedder.time_embedder.linear_2",
        "time_projection.1": "condition_embedder.time_proj",
        "img_emb.proj.0": "condition_embedder.image_embedder.norm1",
        "img_emb.proj.1": "condition_embedder.image_embedder.ff.net.0.proj",
        "img_emb.proj.3": "condition_embedder.image_embedder.ff.net.2",
        "img_emb.proj.4": "condition_embedder.image_embedder.norm2",
        "head.head": "proj_out",
        "head.modulation": "scale_shift_table",
    }
    inner = {
        ".self_attn.": ".attn1.", ".cross_attn.": ".attn2.", ".q.": ".to_q.", ".k.": ".to_k.", ".v.": ".to_v.",
        ".o.": ".to_out.0.", ".norm3.": ".norm2.", ".ffn.0.": ".ffn.net.0.proj.", ".ffn.2.": ".ffn.net.2.",
        ".modulation": ".scale_shift_table", ".k_img.": ".add_k_proj.", ".v_img.": ".add_v_proj.",
        ".norm_k_img.": ".norm_added_k.",
    }
    for old, new in (inner if name.startswith("blocks.") else top).items():
        name = name.replace(old, new)
    return name


def diffusers_network(config, state=None):
    """diffusers' network; its forward is called with (latents, timestep, text, return_dict=False)."""
    diffusers = pytest.importorskip("diffusers", reason="the oracle needs the diffusers package")
    image = dict(image_dim=1280, added_kv_proj_dim=config["dim"]) if config.get("has_image_input") else {}
    network = diffusers.WanTransformer3DModel(
        patch_size=tuple(config["patch_size"]), num_attention_heads=config["num_heads"],
        attention_head_dim=config["dim"] // config["num_heads"], in_channels=config["in_dim"],
        out_channels=config["out_dim"], text_dim=config["text_dim"], freq_dim=config["freq_dim"],
        ffn_dim=config["ffn_dim"], num_layers=config["num_layers"], cross_attn_norm=True,
        qk_norm="rms_norm_across_heads", eps=config["eps"], **image,
    ).eval()
    if state is not None:
        network.load_state_dict({diffusers_name(name): value for name, value in state.items()})
    return network


def diffsynth_wan():
    """diffsynth's class and the function that runs it; its own forward does not work."""
    transformers = pytest.importorskip("transformers", reason="diffsynth needs the transformers package")
    import transformers.modeling_utils

    transformers.modeling_utils.PretrainedConfig = transformers.PretrainedConfig
    pytest.importorskip("diffsynth", reason="the oracle needs the diffsynth package")
    from diffsynth.models.wan_video_dit import WanModel
    from diffsynth.pipelines.wan_video_new import model_fn_wan_video

    return WanModel, model_fn_wan_video


def diffsynth_network(config, state, **options):
    """A call (latents, timestep, text, **inputs) of diffsynth's network."""
    wan_model, run = diffsynth_wan()
    sizes = {key: config[key] for key in CONFIGS["small"]}
    network = wan_model(**sizes, has_image_input=config.get("has_image_input", False), **options)
    network.load_state_dict(state)
    return lambda latents, timestep, text, **inputs: run(
        network, latents=latents, timestep=timestep, context=text, **inputs)
