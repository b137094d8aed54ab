# SPDX-License-Identifier: Apache-2.0
"""Parameters by the published names on plain modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

Shapes = Sequence[tuple]


class Layer(torch.nn.Module):
    """Holds parameters and layers; what computes with them is the network that it belongs to."""

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={tuple(value.shape)}" for name, value in self._parameters.items())


def add_parameters(module: torch.nn.Module, shapes: Shapes) -> None:
    """Gives a module parameters of zeros, on torch's default device and in its default dtype.

    shapes: (name, shape) pairs; a name "text_embedding.0.weight" is the weight of the layer 0 of the layer
    text_embedding, which are made.
    """
    for name, shape in shapes:
        *path, leaf = name.split(".")
        owner = module
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, Layer())
            owner = owner._modules[part]
        owner.register_parameter(leaf, torch.nn.Parameter(torch.zeros(shape)))


def own_parameters(module: torch.nn.Module, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """(name, parameter) of a module and its layers, without those of modules that compute themselves."""
    for name in module._parameters:
        yield prefix + name, getattr(module, name)
    for name, child in module._modules.items():
        if isinstance(child, Layer):
            yield from own_parameters(child, f"{prefix}{name}.")
