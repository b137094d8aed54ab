# SPDX-License-Identifier: Apache-2.0
"""The transformer of Wan 2.1 I2V (channels of the picture, CLIP tokens) against two independent implementations."""

import pytest
import torch

from action_images import _model
from wan_oracles import (
    CONFIGS, diffsynth_network, diffsynth_wan, diffusers_name, diffusers_network, inputs_of, network_of, relative_error,
)

Y_CHANNELS = 20
IMAGE_CONFIGS = {
    name: {**CONFIGS[name], "in_dim": CONFIGS[name]["out_dim"] + Y_CHANNELS, "has_image_input": True}
    for name in ("small", "wide heads, other output", "head width no multiple of 6")
}
GRIDS = {"small": (3, 6, 10), "wide heads, other output": (1, 2, 14), "head width no multiple of 6": (5, 10, 6)}


def image_inputs(config, grid, batch=2):
    """Latents, timestep and text as of a network without pictures; y and clip."""
    latents, timestep, text = inputs_of({**config, "in_dim": config["out_dim"]}, grid, batch, text_length=512)
    random = torch.Generator().manual_seed(5)
    y = torch.randn(batch, Y_CHANNELS, *grid, generator=random)
    return (latents, timestep, text), y, torch.randn(batch, 257, 1280, generator=random)


@pytest.mark.parametrize("name", IMAGE_CONFIGS)
@torch.no_grad()
def test_the_image_network_equals_diffusers(name):
    config = IMAGE_CONFIGS[name]
    network = network_of(config)
    oracle = diffusers_network(config, network.state_dict())
    (latents, timestep, text), y, clip = image_inputs(config, GRIDS[name])
    reference = oracle(torch.cat([latents, y], 1), timestep, text, clip, return_dict=False)[0]
    got = network(latents, timestep, text, y=y, clip=clip)
    assert relative_error(got, reference) <= 1e-5
    assert torch.equal(network(torch.cat([latents, y], 1), timestep, text, clip=clip), got)


@pytest.mark.parametrize("name", ["small", "wide heads, other output"])
@torch.no_grad()
def test_the_image_network_equals_diffsynth_by_the_published_names(name):
    config = IMAGE_CONFIGS[name]
    network = network_of(config)
    oracle = diffsynth_network(config, network.state_dict())
    (latents, timestep, text), y, clip = image_inputs(config, GRIDS[name], batch=1)
    reference = oracle(latents, timestep, text, y=y, clip_feature=clip)
    assert relative_error(network(latents, timestep, text, y=y, clip=clip), reference) <= 1e-5


def test_names_and_shapes_of_the_preset_are_those_of_the_published_network():
    sizes = dict(dim=5120, in_dim=36, ffn_dim=13824, out_dim=16, text_dim=4096, freq_dim=256, eps=1e-6,
                 patch_size=[1, 2, 2], num_heads=40, num_layers=40, has_image_input=True)
    with torch.device("meta"):
        published = dict(diffsynth_wan()[0](**sizes).named_parameters())
    meta = {name: torch.empty(value.shape, device="meta") for name, value in published.items()}
    network = _model.WanTransformer({"preset": "wan2.1-i2v-14b-480p"}, meta)
    assert {key: network.config[key] for key in sizes} == sizes
    assert set(meta) == {name for name, _ in network.named_parameters()}


def test_gradients_equal_diffusers():
    config = IMAGE_CONFIGS["small"]
    network = network_of(config).requires_grad_()
    oracle = diffusers_network(config, network.state_dict())
    (latents, timestep, text), y, clip = image_inputs(config, (2, 4, 6))
    network(latents, timestep, text, y=y, clip=clip).square().mean().backward()
    oracle(torch.cat([latents, y], 1), timestep, text, clip, return_dict=False)[0].square().mean().backward()
    wanted = dict(oracle.named_parameters())
    for name, parameter in network.named_parameters():
        reference = wanted[diffusers_name(name)].grad
        # Biases of the keys have no gradient but rounding: a softmax does not see what all scores share.
        assert (parameter.grad - reference).abs().max() <= 1e-4 * reference.abs().max() + 1e-8, name


@torch.no_grad()
def test_pictures_prepared_once_serve_every_step():
    config = IMAGE_CONFIGS["small"]
    network = network_of(config)
    (latents, timestep, text), y, clip = image_inputs(config, GRIDS["small"])
    conditions = network.prepare(text, GRIDS["small"], y=y, clip=clip)
    assert torch.equal(network.forward(latents, timestep, conditions), network(latents, timestep, text, y=y, clip=clip))


@torch.no_grad()
def test_channels_of_a_picture_need_no_clip_tokens():
    """Wan 2.2's I2V networks have `y` on their channels and no image attention."""
    config = {**IMAGE_CONFIGS["small"], "has_image_input": False}
    network = network_of(config)
    (latents, timestep, text), y, _ = image_inputs(config, GRIDS["small"])
    reference = diffusers_network(config, network.state_dict())(
        torch.cat([latents, y], 1), timestep, text, return_dict=False)[0]
    assert relative_error(network(latents, timestep, text, y=y), reference) <= 1e-5


@pytest.mark.parametrize("change, message", [
    ({"clip": None}, "clip: expected a tensor for has_image_input, got none"),
    ({"clip": torch.zeros(2, 257, 1024)}, r"clip: expected \(2, M, 1280\), got \(2, 257, 1024\)"),
    ({"y": torch.zeros(2, 20, 3, 6, 8)}, r"y: expected \(2, fewer than 26, 3, 6, 10\), got \(2, 20, 3, 6, 8\)"),
    ({"y": torch.zeros(2, 26, 3, 6, 10)}, "y: expected"),
    ({"y": None}, r"latents: expected \(2, 26, 3, 6, 10\), got \(2, 6, 3, 6, 10\)"),
    ({"y": torch.zeros(2, 16, 3, 6, 10)}, r"latents: expected \(2, 10, 3, 6, 10\), got \(2, 6, 3, 6, 10\)"),
], ids=["no clip", "clip", "y", "all channels", "no y", "fewer channels"])
def test_pictures_that_do_not_fit_are_refused(change, message):
    config = IMAGE_CONFIGS["small"]
    (latents, timestep, text), y, clip = image_inputs(config, GRIDS["small"])
    with pytest.raises(ValueError, match=message):
        _model.WanTransformer(config)(latents, timestep, text, **{"y": y, "clip": clip, **change})
    with pytest.raises(ValueError, match="clip: expected none without has_image_input"):
        _model.WanTransformer({**config, "has_image_input": False})(latents, timestep, text, y=y, clip=clip)
