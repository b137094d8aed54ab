# SPDX-License-Identifier: Apache-2.0
"""Guided sampling as a whole: schedule, network, guidance and steps against public ones, over ten steps."""

import pytest
import torch

from action_images import _model as model
from wan_oracles import CONFIGS, GRIDS, diffsynth_network, diffusers_network, network_of, relative_error

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers' own

STEPS, SHIFT, SCALE = 10, 5.0, 5.0


def start(config, grid):
    random = torch.Generator().manual_seed(6)
    noise = torch.randn(1, config["in_dim"], *grid, generator=random)
    prompt, negative = (torch.randn(1, 16, config["text_dim"], generator=random) for _ in range(2))
    prompt[:, 9:], negative[:, 4:] = 0.0, 0.0
    return noise, prompt, negative


def sample(network, grid, noise, prompt, negative):
    conditional, unconditional = (network.prepare(text, grid) for text in (prompt, negative))
    denoiser = model.guided(
        lambda latents, timestep: network.forward(latents, timestep, conditional),
        lambda latents, timestep: network.forward(latents, timestep, unconditional),
        SCALE,
    )
    return model.denoise(model.FlowMatchSchedule(STEPS, shift=SHIFT), denoiser, noise)


def diffsynth_sampler(config, state):
    run = diffsynth_network(config, state)
    from diffsynth.schedulers.flow_match import FlowMatchScheduler

    scheduler = FlowMatchScheduler(shift=SHIFT, sigma_min=0.0, extra_one_step=True)
    scheduler.set_timesteps(STEPS)
    return scheduler, run


def diffusers_sampler(config, state):
    network = diffusers_network(config, state)
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(sigmas=torch.linspace(1.0, 0.0, STEPS + 1)[:-1].numpy())
    return scheduler, lambda latents, timestep, text: network(latents, timestep, text, return_dict=False)[0]


def their_sample(scheduler, run, latents, prompt, negative):
    for timestep in scheduler.timesteps:
        conditional, unconditional = (run(latents, timestep[None], text) for text in (prompt, negative))
        result = scheduler.step(unconditional + SCALE * (conditional - unconditional), timestep, latents)
        latents = result[0] if isinstance(result, tuple) else getattr(result, "prev_sample", result)
    return latents


@pytest.mark.parametrize("name, oracle", [
    ("small", diffsynth_sampler), ("wide heads, same output", diffsynth_sampler),
    ("small", diffusers_sampler), ("wide heads, same output", diffusers_sampler),
    ("head width no multiple of 6", diffusers_sampler),
])
@torch.no_grad()
def test_ten_guided_steps_equal_the_public_pipeline(name, oracle):
    config = CONFIGS.get(name) or {**CONFIGS["wide heads, other output"], "in_dim": 7}
    grid = GRIDS.get(name, (5, 2, 14))
    network = network_of(config)
    noise, prompt, negative = start(config, grid)
    reference = their_sample(*oracle(config, network.state_dict()), noise, prompt, negative)
    error = relative_error(sample(network, grid, noise, prompt, negative), reference)
    print(f"relative error after {STEPS} guided steps, {name}: {error:.1e}")
    assert error <= 1e-5
