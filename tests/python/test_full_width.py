# SPDX-License-Identifier: Apache-2.0
"""The networks in their published widths against independent implementations. Run by `scripts/test slow`."""

import pytest

torch = pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

import wan_reference  # noqa: E402
from wan_oracles import diffusers_network, inputs_of, network_of, relative_error  # noqa: E402
from wan_vae_oracles import Diffsynth, Diffusers, random_state, with_statistics  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.oracle]

VAES = {
    "2.2": {"version": "2.2", "dim": 160, "dec_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "2.1": {"version": "2.1", "dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
}


@pytest.mark.parametrize("version", VAES)
@pytest.mark.parametrize("oracle", [Diffusers, Diffsynth])
@torch.no_grad()
def test_the_vae_of_published_width_equals_the_oracle(version, oracle):
    vae = model.WanVAE(with_statistics(VAES[version]))
    state = random_state(vae)
    vae.load_state_dict(state)
    renaming = [model.wan_vae_from_diffusers] if oracle is Diffusers else []
    reference = oracle(vae.config, state, *renaming)
    random = torch.Generator().manual_seed(1)
    video = torch.rand(1, 3, 5, 64, 64, generator=random) * 2.0 - 1.0
    size = 64 // vae.spatial_stride
    latents = torch.randn(1, vae.channels, 2, size, size, generator=random)
    errors = (relative_error(vae.encode(video), reference.encode(video)),
              relative_error(vae.decode(latents, clamp=oracle is Diffusers), reference.decode(latents)))
    print(f"VAE {version}, {oracle.__name__}: encode {errors[0]:.1e}, decode {errors[1]:.1e}")
    assert max(errors) <= 1e-5


@torch.no_grad()
def test_a_block_of_the_released_width_equals_diffusers_and_with_cameras_its_equation():
    preset = {"preset": "action-images-5b", "num_layers": 1}
    plain = model.WanTransformer({**preset, "camera_channels": 0}).config
    grid = (3, 6, 8)
    network = network_of(plain)
    oracle = diffusers_network(plain, network.state_dict())
    latents, timestep, text = inputs_of(plain, grid, batch=1)
    reference = oracle(latents, timestep, text, return_dict=False)[0]
    errors = [relative_error(network(latents, timestep, text), reference)]
    del network, oracle

    network = network_of(model.WanTransformer(preset).config)
    camera = torch.randn(1, grid[0], 96, *grid[1:], generator=torch.Generator().manual_seed(2))
    reference = wan_reference.transformer(network.config, network.state_dict(), latents, timestep, text, camera)
    errors.append(relative_error(network(latents, timestep, text, camera), reference))
    print(f"one block of action-images-5b: plain {errors[0]:.1e}, with cameras {errors[1]:.1e}")
    assert max(errors) <= 1e-5
