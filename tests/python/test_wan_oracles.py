# SPDX-License-Identifier: Apache-2.0
"""The transformer against two independent implementations of Wan, on random weights."""

import pytest
import torch

from action_images import _model
from wan_oracles import (
    CONFIGS, GRIDS, THIRDS, diffsynth_network, diffsynth_wan, diffusers_name, diffusers_network, inputs_of, network_of,
    relative_error,
)


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_transformer_equals_diffusers(name):
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = inputs_of(config, grid)
    reference = oracle(latents, timestep, text, return_dict=False)[0]
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("levels", [2, None], ids=["two time steps", "all time steps differ"])
@torch.no_grad()
def test_a_time_step_for_every_token_equals_diffusers(name, levels):
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


def test_gradients_equal_diffusers():
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


@pytest.mark.parametrize("name", THIRDS)
@pytest.mark.parametrize("per_token", [False, True], ids=["one time step", "a time step for every token"])
@torch.no_grad()
def test_the_transformer_equals_diffsynth_by_the_published_names(name, per_token):
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = diffsynth_network(config, network.state_dict(), seperated_timestep=per_token)
    latents, timestep, text = inputs_of(config, grid, batch=1)
    reference = oracle(latents, timestep, text, fuse_vae_embedding_in_latents=per_token)
    if per_token:  # the first latent frame is given
        tokens = grid[1] * grid[2] // 4
        timestep = timestep.repeat(grid[0] * tokens).unsqueeze(0)
        timestep[:, :tokens] = 0.0
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


def test_names_and_shapes_are_those_of_the_published_checkpoints():
    config = CONFIGS["small"]
    oracle = diffsynth_wan()[0](has_image_input=False, **config)
    wanted = {name: tuple(value.shape) for name, value in oracle.named_parameters()}
    assert {name: tuple(value.shape) for name, value in _model.WanTransformer(config).named_parameters()} == wanted


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("frames, height, width", [(1, 2, 2), (5, 6, 14), (13, 10, 2)])
@torch.no_grad()
def test_clips_of_any_length_and_odd_numbers_of_tokens_equal_diffusers(name, frames, height, width):
    config, grid = CONFIGS[name], (frames, height, width)
    network = network_of(config, seed=4)
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = inputs_of(config, grid, seed=frames)
    reference = oracle(latents, timestep, text, return_dict=False)[0]
    assert relative_error(network(latents, timestep, text), reference) <= 1e-5


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_prompts_of_different_lengths_and_time_steps_in_a_batch_are_each_as_alone_in_the_oracle(name):
    config, grid = CONFIGS[name], GRIDS[name]
    network = network_of(config)
    oracle = diffusers_network(config, network.state_dict())
    latents, _, text = inputs_of(config, grid, batch=3, text_length=12)
    timestep = torch.tensor([3.0, 500.5, 999.0])
    for row, length in enumerate((12, 1, 5)):
        text[row] = torch.randn(12, config["text_dim"], generator=torch.Generator().manual_seed(row))
        text[row, length:] = 0.0
    got = network(latents, timestep, text)
    for row in range(3):
        one = slice(row, row + 1)
        reference = oracle(latents[one], timestep[one], text[one], return_dict=False)[0]
        assert relative_error(got[one], reference) <= 1e-5


# The heads of these have the widths of Wan's checkpoints and of the embedded model, and enough tokens for the attention
# that is used in bfloat16 from 16,384 scores a head on.
@pytest.mark.parametrize("width, grid", [(128, (3, 16, 16)), (64, (12, 8, 8)), (64, (1, 4, 6))], ids=str)
@torch.no_grad()
def test_in_bfloat16_the_error_is_within_the_oracles_own(width, grid):
    config = {**CONFIGS["small"], "dim": 3 * width, "num_heads": 3, "ffn_dim": 8 * width, "num_layers": 4}
    network = network_of(config)
    exact, oracle = (diffusers_network(config, network.state_dict()) for _ in range(2))
    network.to(torch.bfloat16), oracle.bfloat16()
    ours = theirs = 0.0
    for seed in range(6):
        latents, timestep, text = inputs_of(config, grid, text_length=512, seed=seed)
        wanted = exact(latents, timestep, text, return_dict=False)[0]
        rounded = oracle(latents.bfloat16(), timestep, text.bfloat16(), return_dict=False)[0]
        ours += (network(latents, timestep, text).float() - wanted).square().mean().item()
        theirs += (rounded.float() - wanted).square().mean().item()
    print(f"bfloat16, heads of {width}, grid {grid}: {(ours / theirs) ** 0.5:.3f} of the oracle's error")
    assert ours <= 1.02 * theirs  # what chance makes of as many roundings
