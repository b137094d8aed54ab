# SPDX-License-Identifier: Apache-2.0
"""Torch modules that own their parameters compute what the networks over the same C++ functions do."""

import copy
import io

import pytest

torch = pytest.importorskip("torch", reason="the modules need torch")

import tiny_world
from action_images import _model
from action_images.model import WorldModel
from action_images.nn import WanTransformer, full_state, save_transformer
from test_wan import CAMERA, EXTRAS, GRID, PLAIN, inputs_of, network_of
from wan_oracles import CONFIGS, GRIDS, diffusers_name, diffusers_network, random_state
from wan_oracles import inputs_of as oracle_inputs

IMAGE = {**PLAIN, "has_image_input": True}
KINDS = {"plain": PLAIN, "camera": CAMERA, "extras": EXTRAS, "image": IMAGE}


def all_inputs(config):
    inputs = inputs_of(config)
    if config.get("has_image_input"):
        inputs["clip"] = torch.randn(2, 3, 1280, generator=torch.Generator().manual_seed(5))
        inputs["y"] = inputs["latents"][:, 4:].clone()
        inputs["latents"] = inputs["latents"][:, :4]
    return inputs


def modules_of(config, **options):
    return WanTransformer.from_model(network_of(config), **options)


def gradients(network, inputs):
    network(**inputs).square().mean().backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_parameters_have_the_published_names_and_shapes(config):
    wanted = {name: value.shape for name, value in _model.WanTransformer(config).named_parameters()}
    network = WanTransformer(config)
    assert {name: value.shape for name, value in network.named_parameters()} == wanted
    assert network.state_dict().keys() == wanted.keys()


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_the_modules_compute_the_bits_of_the_network_and_its_gradients(config):
    network, inputs = network_of(config).requires_grad_(), all_inputs(config)
    modules = WanTransformer.from_model(network)
    assert torch.equal(modules(**inputs), network(**inputs))
    wanted = gradients(network, inputs)
    for name, gradient in gradients(modules, inputs).items():
        # What several blocks use gets their gradients in another order, which rounds otherwise.
        assert (gradient - wanted[name]).abs().max() <= 1e-5 * wanted[name].abs().max() + 1e-9, name


def test_a_time_step_for_every_token_and_given_positions_work_too():
    network, inputs = network_of(EXTRAS), inputs_of(EXTRAS)
    inputs["timestep"] = torch.tensor([0.0, 712.5])[torch.arange(48).expand(2, -1) % 2]
    inputs["time_positions"] = [0, 1, 0, 1]
    assert torch.equal(modules_of(EXTRAS)(**inputs), network(**inputs))


@pytest.mark.oracle
def test_gradients_equal_diffusers():
    config, grid = CONFIGS["small"], GRIDS["small"]
    network = WanTransformer(config)
    network.load_state_dict(random_state(network))
    oracle = diffusers_network(config, network.state_dict())
    latents, timestep, text = oracle_inputs(config, grid)
    target = torch.randn(2, config["out_dim"], *grid, generator=torch.Generator().manual_seed(3))
    (network(latents, timestep, text) - target).square().mean().backward()
    (oracle(latents, timestep, text, return_dict=False)[0] - target).square().mean().backward()
    wanted = dict(oracle.named_parameters())
    for name, parameter in network.named_parameters():
        reference = wanted[diffusers_name(name)].grad
        # Biases of the keys have no gradient but rounding: a softmax does not see what all scores share.
        assert (parameter.grad - reference).abs().max() <= 1e-4 * reference.abs().max() + 1e-9, name


@pytest.mark.parametrize("config", [EXTRAS, IMAGE], ids=["extras", "image"])
def test_computing_blocks_again_gives_the_same_gradients(config):
    inputs = all_inputs(config)
    wanted = gradients(modules_of(config), inputs)
    for name, gradient in gradients(modules_of(config, checkpoint=True), inputs).items():
        assert torch.equal(gradient, wanted[name]), name


def test_computing_blocks_again_keeps_less_for_the_backward_pass():
    def kept(network):
        """Bytes that autograd saves, without those of the parameters."""
        parameters = {value.data_ptr() for value in network.parameters()}
        saved = []

        def keep(tensor):
            if tensor.data_ptr() not in parameters:
                saved.append(tensor.numel() * tensor.element_size())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(**inputs_of(CAMERA))
        return sum(saved)

    assert kept(modules_of(CAMERA, checkpoint=True)) < 0.5 * kept(modules_of(CAMERA))


def test_torchs_own_wrapper_of_blocks_changes_neither_gradients_nor_names():
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    network, inputs = modules_of(CAMERA), inputs_of(CAMERA)
    wanted = gradients(modules_of(CAMERA), inputs)
    for index, block in enumerate(network.blocks):
        network.blocks[index] = checkpoint_wrapper(block)
    network(**inputs).square().mean().backward()
    assert list(network.state_dict()) == list(wanted)
    for parameter, gradient in zip(network.parameters(), wanted.values()):
        assert torch.equal(parameter.grad, gradient)


def test_what_python_raises_in_a_hook_comes_out_as_it_is():
    def refuse(tensor):
        raise KeyError("no room")

    network, inputs = modules_of(PLAIN), inputs_of(PLAIN)
    hooks = torch.autograd.graph.saved_tensors_hooks(refuse, lambda tensor: tensor)
    with hooks, pytest.raises(KeyError, match="no room"):
        network(**inputs)


def test_a_world_model_gives_its_transformer_and_takes_it_back(tiny_model):
    model = WorldModel.load(tiny_model)
    generate = lambda: model.generate(tiny_world.pictures(), "reach", rig=tiny_world.rig(), seed=1).latents
    before = generate()
    network = WanTransformer.from_model(model)
    original = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.1)
    assert torch.equal(generate(), before)  # the weights were copied
    network.copy_to(model)
    assert not torch.equal(generate(), before)
    network.load_state_dict(original)
    network.copy_to(model)
    assert torch.equal(generate(), before)


def test_the_native_network_shares_the_modules_memory():
    network, inputs = modules_of(PLAIN), inputs_of(PLAIN)
    native = network.native()
    torch.optim.SGD(network.parameters(), lr=0.1).zero_grad()
    with torch.no_grad():
        network.head.modulation.add_(1.0)
        assert torch.equal(native(**inputs), network(**inputs))


def test_fresh_weights_are_those_of_the_network_and_may_come_after_the_meta_device():
    network = _model.WanTransformer(EXTRAS)
    network.initialize(3)
    late = WanTransformer(EXTRAS, device="meta").to_empty(device="cpu")
    late.initialize(3)
    for modules in (WanTransformer(EXTRAS, seed=3), late):
        assert all(torch.equal(value, network.state_dict()[name]) for name, value in modules.state_dict().items())
    assert not any(value.any() for value in WanTransformer(PLAIN, seed=None).parameters() if value.dim() == 2)


def test_modules_are_copied_and_pickled_whole():
    network, inputs = modules_of(CAMERA, dtype=torch.bfloat16), inputs_of(CAMERA)
    wanted = network(**inputs)
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    for other in (copy.deepcopy(network), torch.load(file, weights_only=False)):
        assert wanted.dtype == torch.bfloat16 and torch.equal(other(**inputs), wanted)


def test_whole_weights_are_written_by_their_published_names(tmp_path):
    network = modules_of(CAMERA)
    save_transformer(network, tmp_path / "weights.safetensors", prefix="transformer.", dtype=torch.bfloat16)
    written = _model.load_tensors(tmp_path / "weights.safetensors")
    assert written.keys() == {f"transformer.{name}" for name in network.state_dict()}
    for name, value in full_state(network).items():
        assert torch.equal(written[f"transformer.{name}"], value.bfloat16())
    with pytest.raises(ValueError, match="safetensors"):
        save_transformer(network, tmp_path / "nowhere" / "weights.safetensors")


def test_wrong_inputs_are_refused_by_name():
    network = modules_of(CAMERA)
    inputs = inputs_of(CAMERA)
    with pytest.raises(ValueError, match=r"text: expected \(B, L, 20\)"):
        network(**{**inputs, "text": torch.zeros(2, 5, 19)})
    with pytest.raises(ValueError, match="latents: expected"):
        network(**{**inputs, "latents": inputs["latents"][:, :5]})
    tokens = torch.zeros(2, 48, 48)
    projection, rotary = torch.zeros(2, 1, 6, 48), torch.ones(48, 12, dtype=torch.complex64)
    camera = torch.zeros(2, GRID[0], 24)
    block = network.blocks[0]
    assert block(tokens, tokens[:, :5], projection, rotary, camera=camera).shape == tokens.shape
    for name, wrong in {
        "tokens.x": (tokens[..., :40], tokens[:, :5], projection, rotary, None, camera),
        "tokens.text": (tokens, tokens[:1, :5], projection, rotary, None, camera),
        "tokens.time_projection": (tokens, tokens[:, :5], projection[:, :, :5], rotary, None, camera),
        "tokens.rotary": (tokens, tokens[:, :5], projection, rotary[:7], None, camera),
        "tokens.camera": (tokens, tokens[:, :5], projection, rotary, None, camera[:, :, :3]),
    }.items():
        with pytest.raises(ValueError, match=rf"\[wan::WanFunctional::block\] {name}: expected"):
            block(*wrong)


def test_models_of_another_kind_or_size_are_refused():
    with pytest.raises(ValueError, match="model: expected a WorldModel or a WanTransformer, got int"):
        WanTransformer.from_model(3)
    with pytest.raises(ValueError, match="model: expected one with the config"):
        modules_of(PLAIN).copy_to(_model.WanTransformer(CAMERA))
