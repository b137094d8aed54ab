# SPDX-License-Identifier: Apache-2.0
"""The transformer against two independent implementations of Wan, on random weights."""

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


def network_of(config, seed=0):
    """The network with every parameter random, so that no term of the equations is zero."""
    network = _model.WanTransformer(config)
    random = torch.Generator().manual_seed(seed)
    network.load_state_dict({
        name: torch.randn(value.shape, generator=random) * (0.3 if value.dim() == 1 else value[0].numel() ** -0.5)
        + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        for name, value in network.state_dict().items()
    })
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
        "head.head": "proj_out",
        "head.modulation": "scale_shift_table",
    }
    inner = {
        ".self_attn.": ".attn1.", ".cross_attn.": ".attn2.", ".q.": ".to_q.", ".k.": ".to_k.", ".v.": ".to_v.",
        ".o.": ".to_out.0.", ".norm3.": ".norm2.", ".ffn.0.": ".ffn.net.0.proj.", ".ffn.2.": ".ffn.net.2.",
        ".modulation": ".scale_shift_table",
    }
    for old, new in (inner if name.startswith("blocks.") else top).items():
        name = name.replace(old, new)
    return name


@pytest.fixture
def diffusers_network():
    diffusers = pytest.importorskip("diffusers", reason="the oracle needs the diffusers package")

    def make(config, state):
        network = diffusers.WanTransformer3DModel(
            patch_size=tuple(config["patch_size"]),
            num_attention_heads=config["num_heads"],
            attention_head_dim=config["dim"] // config["num_heads"],
            in_channels=config["in_dim"],
            out_channels=config["out_dim"],
            text_dim=config["text_dim"],
            freq_dim=config["freq_dim"],
            ffn_dim=config["ffn_dim"],
            num_layers=config["num_layers"],
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            eps=config["eps"],
        )
        network.load_state_dict({diffusers_name(name): value for name, value in state.items()})
        return network

    return make


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_transformer_equals_diffusers(name, diffusers_network):
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = inputs_of(config, grid)
    reference = oracle(latents, timestep, text, return_dict=False)[0]
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("levels", [2, None], ids=["two time steps", "all time steps differ"])
@torch.no_grad()
def test_a_time_step_for_every_token_equals_diffusers(name, levels, diffusers_network):
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = inputs_of(config, grid)
    tokens = grid[0] * grid[1] * grid[2] // 4
    timestep = torch.rand(2, tokens, generator=torch.Generator().manual_seed(2)) * 1000.0
    if levels:
        timestep = torch.where(timestep < 300.0, 0.0, 712.5)
    reference = oracle(latents, timestep, text, return_dict=False)[0]
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


def test_gradients_equal_diffusers(diffusers_network):
    config, grid = CONFIGS["small"], GRIDS["small"]
    network = network_of(config).requires_grad_()
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = inputs_of(config, grid)
    target = torch.randn(2, config["out_dim"], *grid, generator=torch.Generator().manual_seed(3))
    inputs = [tensor.clone().requires_grad_() for tensor in (latents, text)]
    references = [tensor.clone().requires_grad_() for tensor in (latents, text)]
    (network(inputs[0], timestep, inputs[1]) - target).square().mean().backward()
    (oracle(references[0], timestep, references[1], return_dict=False)[0] - target).square().mean().backward()
    wanted = dict(oracle.named_parameters())
    for name, parameter in network.named_parameters():
        reference = wanted[diffusers_name(name)].grad
        # Biases of the keys have no gradient but rounding: a softmax does not see what all scores share.
        assert (parameter.grad - reference).abs().max() <= 1e-4 * reference.abs().max() + 1e-9, name
    for got, reference in zip(inputs, references):
        assert relative_error(got.grad, reference.grad) <= 1e-4


@pytest.fixture
def diffsynth_wan():
    transformers = pytest.importorskip("transformers", reason="diffsynth needs the transformers package")
    import transformers.modeling_utils

    transformers.modeling_utils.PretrainedConfig = transformers.PretrainedConfig
    pytest.importorskip("diffsynth", reason="the oracle needs the diffsynth package")
    from diffsynth.models.wan_video_dit import WanModel
    from diffsynth.pipelines.wan_video_new import model_fn_wan_video

    return WanModel, model_fn_wan_video


@pytest.mark.parametrize("name", THIRDS)
@pytest.mark.parametrize("per_token", [False, True], ids=["one time step", "a time step for every token"])
@torch.no_grad()
def test_the_transformer_equals_diffsynth_by_the_published_names(name, per_token, diffsynth_wan):
    wan_model, run = diffsynth_wan
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = wan_model(has_image_input=False, seperated_timestep=per_token, **config)
    oracle.load_state_dict(network.state_dict())
    latents, timestep, text = inputs_of(config, grid, batch=1)
    reference = run(oracle, latents=latents, timestep=timestep, context=text, fuse_vae_embedding_in_latents=per_token)
    if per_token:  # the first latent frame is given
        tokens = grid[1] * grid[2] // 4
        timestep = timestep.repeat(grid[0] * tokens).unsqueeze(0)
        timestep[:, :tokens] = 0.0
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


def test_names_and_shapes_are_those_of_the_published_checkpoints(diffsynth_wan):
    config = CONFIGS["small"]
    oracle = diffsynth_wan[0](has_image_input=False, **config)
    wanted = {name: tuple(value.shape) for name, value in oracle.named_parameters()}
    assert {name: tuple(value.shape) for name, value in _model.WanTransformer(config).named_parameters()} == wanted
