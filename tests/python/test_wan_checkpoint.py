# SPDX-License-Identifier: Apache-2.0
"""Gradient checkpointing of the transformer: the same gradients in less memory."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from test_wan import CAMERA, EXTRAS, PLAIN, inputs_of, network_of


def gradients(config, checkpoint, tensors=()):
    network, inputs = network_of(config).requires_grad_(), inputs_of(config)
    for name in tensors:
        inputs[name].requires_grad_()
    result = network(**inputs, checkpoint=checkpoint)
    result.square().mean().backward()
    found = {name: parameter.grad for name, parameter in network.named_parameters()}
    return result.detach(), {**found, **{name: inputs[name].grad for name in tensors}}


@pytest.mark.parametrize("config", [PLAIN, CAMERA, EXTRAS], ids=["plain", "camera", "extras"])
def test_gradients_with_checkpoints_are_the_same_bits(config):
    tensors = [name for name in ("latents", "text", "camera", "first_frames") if name in inputs_of(config)]
    (result, got), (expected, wanted) = (gradients(config, checkpoint, tensors) for checkpoint in (True, False))
    assert torch.equal(result, expected)
    for name, gradient in wanted.items():
        assert torch.equal(got[name], gradient), name


def test_the_conditions_of_several_steps_get_the_sum_of_their_gradients():
    def run(checkpoint):
        network, inputs = network_of(CAMERA).requires_grad_(), inputs_of(CAMERA)
        conditions = network.prepare(inputs["text"], inputs["latents"].shape[2:], camera=inputs["camera"])
        for timestep in (900.0, 100.0):
            inputs["timestep"].fill_(timestep)
            x = network.forward(inputs["latents"], inputs["timestep"], conditions, checkpoint=checkpoint)
            x.square().mean().backward(retain_graph=True)
        return {name: parameter.grad for name, parameter in network.named_parameters()}

    got, wanted = run(True), run(False)
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def test_only_what_needs_gradients_gets_them():
    network, inputs = network_of(CAMERA), inputs_of(CAMERA)
    trained = [parameter for name, parameter in network.named_parameters() if "projector" in name]
    for parameter in trained:
        parameter.requires_grad_()
    network(**inputs, checkpoint=True).square().mean().backward()
    assert all(parameter.grad is not None for parameter in trained)
    assert sum(parameter.grad is not None for _, parameter in network.named_parameters()) == len(trained)


def test_what_a_forward_pass_leaves_for_the_backward_pass_is_little_with_checkpoints():
    config = {**PLAIN, "num_layers": 12}
    network, inputs = network_of(config).requires_grad_(), inputs_of(config)

    def left_for_backward(checkpoint):
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            result = network(**inputs, checkpoint=checkpoint)  # noqa: F841: holds the graph
        return sum(event.self_cpu_memory_usage for event in profiler.key_averages())

    assert left_for_backward(True) < 0.2 * left_for_backward(False)
