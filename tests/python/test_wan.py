# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

import wan_reference
from action_images import _model

PLAIN = {
    "dim": 48, "in_dim": 6, "ffn_dim": 80, "out_dim": 5, "num_heads": 2, "num_layers": 2, "text_dim": 20,
    "freq_dim": 16,
}
CAMERA = {**PLAIN, "camera_channels": 10, "camera_pool": [4, 3, 2]}
EXTRAS = {**CAMERA, "image_stem": [4, 6], "pooled_text_modulation": True, "rope_theta": 100.0}
GRID = (4, 6, 8)


def network_of(config, seed=0):
    """The network with every parameter random, so that no term of the equations is zero."""
    network = _model.WanTransformer(config)
    random = torch.Generator().manual_seed(seed)
    network.load_state_dict({
        name: torch.randn(value.shape, generator=random) * (0.3 if value.dim() == 1 else value[0].numel() ** -0.5)
        for name, value in network.state_dict().items()
    })
    return network


def inputs_of(config, batch=2, seed=1):
    random = torch.Generator().manual_seed(seed)
    inputs = {
        "latents": torch.randn(batch, config["in_dim"], *GRID, generator=random),
        "timestep": torch.rand(batch, generator=random) * 1000.0,
        "text": torch.randn(batch, 5, config["text_dim"], generator=random),
    }
    inputs["text"][0, 2:] = 0.0
    if "camera_channels" in config:
        inputs["camera"] = torch.randn(batch, GRID[0], config["camera_channels"], *GRID[1:], generator=random)
    if "image_stem" in config:
        inputs["first_frames"] = torch.rand(batch, 2, 3, 4 * GRID[1], 4 * GRID[2], generator=random) * 2.0 - 1.0
    return inputs


def relative_error(got, reference):
    return ((got - reference).abs().max() / reference.abs().max()).item()


@pytest.mark.parametrize("config", [PLAIN, CAMERA, EXTRAS], ids=["plain", "camera", "extras"])
@pytest.mark.parametrize("time_positions", [None, [0, 1, 0, 1]], ids=["packed", "repeated"])
@torch.no_grad()
def test_the_network_computes_its_equations(config, time_positions):
    network, inputs = network_of(config), inputs_of(config)
    reference = wan_reference.transformer(config, network.state_dict(), time_positions=time_positions, **inputs)
    assert relative_error(network(time_positions=time_positions, **inputs), reference) <= 1e-5


@pytest.mark.parametrize("config", [CAMERA, EXTRAS], ids=["camera", "extras"])
@torch.no_grad()
def test_a_time_step_for_every_token_computes_the_equations_too(config):
    network, inputs = network_of(config), inputs_of(config)
    steps = torch.tensor([0.0, 250.0, 875.5])
    inputs["timestep"] = steps[torch.randint(3, (2, 4 * 3 * 4), generator=torch.Generator().manual_seed(4))]
    reference = wan_reference.transformer(config, network.state_dict(), **inputs)
    assert relative_error(network(**inputs), reference) <= 1e-5


def test_gradients_reach_every_parameter_and_input_and_equal_the_equations():
    network, inputs = network_of(EXTRAS).requires_grad_(), inputs_of(EXTRAS)
    for name in ("latents", "text", "camera", "first_frames"):
        inputs[name].requires_grad_()
    state = {name: value.clone().requires_grad_() for name, value in network.state_dict().items()}
    copies = {name: value.detach().clone().requires_grad_(value.requires_grad) for name, value in inputs.items()}
    network(**inputs).square().mean().backward()
    wan_reference.transformer(EXTRAS, state, **copies).square().mean().backward()
    for name, parameter in network.named_parameters():
        reference = state[name].grad
        assert (parameter.grad - reference).abs().max() <= 1e-4 * reference.abs().max() + 1e-9, name
    for name in ("latents", "text", "camera", "first_frames"):
        assert relative_error(inputs[name].grad, copies[name].grad) <= 1e-4, name


@torch.no_grad()
def test_untrained_camera_layers_leave_the_plain_network_exactly():
    plain, camera, inputs = network_of(PLAIN), _model.WanTransformer(CAMERA), inputs_of(CAMERA)
    camera.initialize(0)
    added = {name: value for name, value in camera.state_dict().items() if "cam_encoder" in name or "projector" in name}
    assert len(added) == 4 * PLAIN["num_layers"]
    camera.load_state_dict({**plain.state_dict(), **added})
    got = camera(**inputs)
    assert torch.equal(camera(**{**inputs, "camera": None}), got)
    inputs.pop("camera")
    assert torch.equal(plain(**inputs), got)


@torch.no_grad()
def test_conditions_prepared_once_serve_every_step():
    network, inputs = network_of(EXTRAS), inputs_of(EXTRAS)
    conditions = network.prepare(
        inputs["text"], grid=GRID, camera=inputs["camera"], first_frames=inputs["first_frames"]
    )
    for timestep in (999.0, 500.0, 1.0):
        inputs["timestep"].fill_(timestep)
        prepared_once = network.forward(inputs["latents"], inputs["timestep"], conditions)
        assert torch.equal(prepared_once, network(**inputs))


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other():
    network, inputs = network_of(EXTRAS), inputs_of(EXTRAS)
    together = network(**inputs)
    for i in range(2):
        alone = network(**{name: value[i : i + 1] for name, value in inputs.items()})
        assert relative_error(together[i : i + 1], alone) <= 1e-5


@torch.no_grad()
def test_bfloat16_stays_near_float32():
    network, inputs = network_of(EXTRAS), inputs_of(EXTRAS)
    reference = network(**inputs)
    assert network.to(torch.bfloat16) is network
    got = network(**inputs)
    assert got.dtype == torch.bfloat16
    assert relative_error(got.float(), reference) <= 0.05


def test_a_bfloat16_network_trains():
    network, inputs = network_of(EXTRAS).to(torch.bfloat16).requires_grad_(), inputs_of(EXTRAS)
    network(**inputs).float().square().mean().backward()
    assert all(parameter.grad.isfinite().all() for _, parameter in network.named_parameters())


def test_a_network_over_existing_tensors_uses_them_without_a_copy():
    owner, inputs = network_of(PLAIN), inputs_of(PLAIN)
    tensors = {name: value.clone().requires_grad_() for name, value in owner.state_dict().items()}
    network = _model.WanTransformer(PLAIN, tensors)
    assert torch.equal(network(**inputs), owner(**inputs))
    network(**inputs).sum().backward()
    assert all(value.grad is not None for value in tensors.values())
    tensors.pop("head.modulation")
    with pytest.raises(ValueError, match="head.modulation"):
        _model.WanTransformer(PLAIN, tensors)


def test_fresh_weights_follow_the_seed_and_start_with_a_zero_prediction():
    a, b, other = (_model.WanTransformer(EXTRAS) for _ in range(3))
    a.initialize(3), b.initialize(3), other.initialize(4)
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name
        random = not (name.endswith("bias") or "norm" in name or "cam_encoder" in name or "projector" in name)
        assert torch.equal(value, other.state_dict()[name]) is not (random and name != "head.head.weight"), name
    assert not a(**inputs_of(EXTRAS)).any()


def test_loading_lists_every_name_that_does_not_fit():
    network = _model.WanTransformer(PLAIN)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    state["surplus"] = torch.zeros(1)
    state["head.modulation"] = torch.zeros(1, 2, 5)
    del state["blocks.1.norm3.bias"]
    with pytest.raises(ValueError) as error:
        network.load_state_dict(state)
    for part in ("missing (1): blocks.1.norm3.bias", "unexpected (1): surplus", "head.modulation expected (1, 2, 48)"):
        assert part in str(error.value)


WRONG = {
    "latents": {"latents": torch.zeros(2, 5, *GRID)},
    "grid": {"latents": torch.zeros(2, 6, 4, 5, 8)},
    "timestep": {"timestep": torch.zeros(3)},
    "text": {"text": torch.zeros(2, 5, 19)},
    "camera": {"camera": torch.zeros(2, 3, 10, 6, 8)},
    "first_frames": {"first_frames": torch.zeros(2, 3, 3, 24, 32)},
    "time_positions": {"time_positions": [0, 1, 2]},
}


@pytest.mark.parametrize("argument", WRONG)
def test_wrong_shapes_are_refused_by_name(argument):
    network, inputs = _model.WanTransformer(EXTRAS), inputs_of(EXTRAS)
    with pytest.raises(ValueError, match=rf"\[wan::WanTransformer::\w+\] {argument}: expected"):
        network(**{**inputs, **WRONG[argument]})


def test_inputs_that_the_network_has_no_layers_for_are_refused():
    network, inputs = _model.WanTransformer(PLAIN), inputs_of(EXTRAS)
    for argument in ("camera", "first_frames"):
        with pytest.raises(ValueError, match=f"{argument}: expected none without"):
            network(**inputs_of(PLAIN), **{argument: inputs[argument]})
    with pytest.raises(ValueError, match="first_frames: expected a tensor"):
        _model.WanTransformer(EXTRAS)(**{**inputs, "first_frames": None})


def test_a_config_round_trips_and_unknown_keys_are_refused():
    config = _model.WanTransformer(EXTRAS).config
    assert {key: config[key] for key in EXTRAS} == EXTRAS
    assert _model.WanTransformer(config).config == config
    with pytest.raises(ValueError, match='got "heads"'):
        _model.WanTransformer({**PLAIN, "heads": 3})
    with pytest.raises(ValueError, match="dim: expected an even multiple of num_heads 3"):
        _model.WanTransformer({**PLAIN, "num_heads": 3, "dim": 9})
