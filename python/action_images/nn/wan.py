# SPDX-License-Identifier: Apache-2.0
"""Wan's video diffusion transformer as torch modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from .. import _model
from ._parameters import add_parameters, own_parameters

WHERE = "nn::WanTransformer"


class WanBlock(torch.nn.Module):
    """One block: self-attention, cross-attention and feed-forward layers, with the camera layers if there are some.

    All that the block computes with its parameters happens in its `forward`, keys and values of the text and the
    cameras' embeddings too: under `fully_shard` the parameters are there only for so long.
    """

    def __init__(self, functional: _model.WanFunctional):
        super().__init__()
        self._functional = functional
        self.checkpoint = False
        """Whether only the inputs are kept for the backward pass, which then computes the block again."""
        add_parameters(self, functional.block_shapes())

    def forward(
        self,
        x: torch.Tensor,
        text: torch.Tensor,
        time_projection: torch.Tensor,
        rotary: torch.Tensor,
        time_index: torch.Tensor | None = None,
        camera: torch.Tensor | None = None,
        image: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The tokens (B, N, dim) after the block.

        x (B, N, dim); text (B, L, dim), embedded; time_projection (S, U, 6, dim) of U distinct time steps, S = B or 1;
        rotary (N, head width / 2) complex64; time_index (B, N) int64, the row of each token in (S, U), None if U = 1;
        camera (B, T, values of camera_pool), the averaged cameras; image (B, M, dim), the embedded CLIP tokens. All of
        the parameters' dtype but rotary, time_index and the time steps. Raises ShapeError if they do not fit.
        """
        arguments = (x, text, time_projection, rotary, time_index, camera, image)
        if not self.checkpoint or not torch.is_grad_enabled():
            return self._run(*arguments)
        return checkpoint(self._run, *arguments, use_reentrant=False, preserve_rng_state=False)

    def _run(self, *arguments: torch.Tensor | None) -> torch.Tensor:
        return self._functional.block(dict(own_parameters(self)), *arguments)


class WanTransformer(torch.nn.Module):
    """Wan's video diffusion transformer (2.1 and 2.2), with the camera layers of Action Images.

    Its parameters carry the names of the published checkpoints, so its `state_dict` is one. It computes what
    `action_images.model.WanTransformer` does, in the dtype and on the device of its parameters.

    With `torch.distributed.fsdp.fully_shard` shard each of `blocks`, then the network. Mixed precision needs
    `cast_forward_inputs=False`: inputs are cast inside, and time steps must not be rounded.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        seed: int | None = 0,
        checkpoint: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        """A network of its own.

        config: as of `action_images.model.WanTransformer`. seed: of the fresh weights; None: zeros, for weights that
        are loaded. checkpoint: whether blocks are computed again in the backward pass. device: "meta" makes no weights
        at all (then `to_empty`, and load or `initialize`). dtype: float32 by default.

        Raises ValueError if the config does not make a network.
        """
        super().__init__()
        self._functional = _model.WanFunctional(dict(config or {}))
        shapes = self._functional.outer_shapes()
        first_of_head = [name for name, _ in shapes].index("head.head.weight")
        with torch.device(device or torch.get_default_device()):
            add_parameters(self, shapes[:first_of_head])
            layers = range(self.config["num_layers"])
            self.blocks = torch.nn.ModuleList(WanBlock(self._functional) for _ in layers)
            add_parameters(self, shapes[first_of_head:])
        if dtype is not None:
            self.to(dtype)
        self.checkpoint = checkpoint
        if seed is not None and not self.patch_embedding.weight.is_meta:
            self.initialize(seed)

    @classmethod
    def from_model(cls, model: Any, *, checkpoint: bool = False, dtype: torch.dtype | None = None) -> WanTransformer:
        """A network with a copy of a model's weights, on their device.

        model: an `action_images.model.WorldModel` or `WanTransformer`. dtype: by default the model's.

        Raises ValueError for something else.
        """
        config, state = _config_and_state(model, f"{WHERE}.from_model")
        first = next(iter(state.values()))
        network = cls(config, seed=None, checkpoint=checkpoint, device="meta", dtype=dtype or first.dtype)
        network.to_empty(device=first.device)
        network.load_state_dict(state)
        return network

    def copy_to(self, model: Any) -> None:
        """Copies the weights into a model's, in its dtype and on its device.

        model: an `action_images.model.WorldModel` or `WanTransformer` of the same config; it must not be in use.

        Raises ValueError for something else, another config, or parameters that are sharded (`save_transformer` takes
        these).
        """
        where = f"{WHERE}.copy_to"
        config, state = _config_and_state(model, where)
        if config != self.config:
            raise ValueError(f"[{where}] model: expected one with the config {self.config}, got {config}")
        with torch.no_grad():
            for name, value in self._whole(where).items():
                state[name].copy_(value)

    def native(self) -> _model.WanTransformer:
        """`action_images.model.WanTransformer` over the same parameters, which are not copied: for sampling.

        Raises ValueError if the parameters are sharded.
        """
        return _model.WanTransformer(self.config, self._whole(f"{WHERE}.native"))

    def initialize(self, seed: int) -> None:
        """Fills the parameters for training from scratch: equal for equal seeds.

        Raises ValueError if the parameters are sharded: initialise first, or load.
        """
        _model.WanTransformer(self.config, self._whole(f"{WHERE}.initialize")).initialize(seed)

    @property
    def config(self) -> dict[str, Any]:
        """The sizes, with all keys."""
        return self._functional.config

    @property
    def checkpoint(self) -> bool:
        """Whether blocks are computed again in the backward pass instead of keeping their inner results."""
        return self._checkpoint

    @checkpoint.setter
    def checkpoint(self, on: bool) -> None:
        self._checkpoint = on
        for block in self.modules():
            if isinstance(block, WanBlock):
                block.checkpoint = on

    def forward(
        self,
        latents: torch.Tensor,
        timestep: torch.Tensor,
        text: torch.Tensor,
        camera: torch.Tensor | None = None,
        first_frames: torch.Tensor | None = None,
        time_positions: Sequence[int] | None = None,
        y: torch.Tensor | None = None,
        clip: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Velocity (B, out_dim, T, H, W) of noisy latents, in the parameters' dtype.

        latents (B, in_dim, T, H, W); timestep (B,) or (B, tokens) in [0, 1000]; text (B, L, text_dim), zero rows =
        padding; camera (B, T, camera_channels, H, W), None: zeros; first_frames (B, V, 3, height, width) in [-1, 1],
        only with image_stem; time_positions: rotary time index of each frame of tokens, 0, 1, 2, ... by default; y (B,
        C, T, H, W): channels that follow those of the latents, which then have in_dim - C; clip (B, M, 1280): tokens of
        WanImageEncoder, with has_image_input.

        Raises ShapeError if an input does not fit the config; ValueError if one is given that the config has no layers
        for, or one is missing.
        """
        outer = dict(own_parameters(self))
        tokens = self._functional.embed(
            outer, latents, timestep, text, camera, first_frames, time_positions, y, clip
        )
        x, time_index = tokens["x"], tokens.get("time_index")
        conditions = (tokens["text"], tokens["time_projection"], tokens["rotary"], time_index)
        for block in self.blocks:
            x = block(x, *conditions, tokens.get("camera"), tokens.get("image"))
        return self._functional.head(outer, x, tokens["time_embedding"], latents.shape[2:], time_index)

    def _whole(self, where: str) -> dict[str, torch.Tensor]:
        """The parameters by their published names, detached."""
        state = {name: value.detach() for name, value in self.state_dict().items()}
        if any(hasattr(value, "full_tensor") for value in state.values()):
            raise ValueError(f"[{where}] parameters: expected whole ones, got sharded ones")
        return state


def _config_and_state(model: Any, where: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Config and parameters, which share memory with the model, of a WorldModel or a WanTransformer of `_model`."""
    if isinstance(model, _model.WanTransformer):
        return model.config, model.state_dict()
    native = getattr(model, "_native", None)
    if isinstance(native, _model.WorldModel):
        return _model.WanFunctional(model.config["transformer"]).config, native.transformer_state()
    raise ValueError(f"[{where}] model: expected a WorldModel or a WanTransformer, got {type(model).__name__}")
