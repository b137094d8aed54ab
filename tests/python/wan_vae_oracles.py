# SPDX-License-Identifier: Apache-2.0
"""Independent implementations of Wan's VAE with the sizes of one of our configs, for tests and benchmarks."""

import pytest
import torch

SMALL = {
    "2.2 small": {"version": "2.2", "dim": 8, "dec_dim": 12, "z_dim": 6, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "2.2 narrow latents, one block": {
        "version": "2.2", "dim": 16, "dec_dim": 8, "z_dim": 4, "dim_mult": [1, 1, 2, 2], "num_res_blocks": 1
    },
    "2.2 wide": {"version": "2.2", "dim": 24, "dec_dim": 40, "z_dim": 10, "dim_mult": [1, 2, 2, 1], "num_res_blocks": 2},
    "2.1 small": {"version": "2.1", "dim": 8, "z_dim": 4, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "2.1 one block": {"version": "2.1", "dim": 12, "z_dim": 6, "dim_mult": [1, 2, 2, 4], "num_res_blocks": 1},
    "2.1 wide": {"version": "2.1", "dim": 32, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
}


def random_state(network, seed=0):
    """Every parameter random, so that no term of the equations is zero, and the features keep their size."""
    random = torch.Generator().manual_seed(seed)

    def draw(name, value):
        values = torch.randn(value.shape, generator=random)
        if name.endswith("gamma"):
            return 1.0 + 0.2 * values
        return values * (0.1 if value.dim() == 1 else value[0].numel() ** -0.5)

    return {name: draw(name, value) for name, value in network.state_dict().items()}


def statistics(config):
    """Mean and standard deviation of the latents, (z, 1, 1, 1)."""
    mean, std = torch.tensor(config["mean"]), torch.tensor(config["std"])
    return mean.view(-1, 1, 1, 1), std.view(-1, 1, 1, 1)


def with_statistics(config):
    random = torch.Generator().manual_seed(7)
    z = config["z_dim"]
    mean, std = torch.randn(z, generator=random), 0.5 + torch.rand(z, generator=random)
    return {**config, "mean": mean.tolist(), "std": std.tolist()}


class Diffusers:
    def __init__(self, config, state, ours_from_theirs):
        diffusers = pytest.importorskip("diffusers", reason="the oracle needs the diffusers package")
        residual = config["version"] == "2.2"
        sizes = dict(is_residual=True, in_channels=12, out_channels=12, patch_size=2, scale_factor_spatial=16)
        self.network = diffusers.AutoencoderKLWan(
            base_dim=config["dim"], decoder_base_dim=config.get("dec_dim"), z_dim=config["z_dim"],
            dim_mult=config["dim_mult"], num_res_blocks=config["num_res_blocks"],
            latents_mean=config["mean"], latents_std=config["std"], **(sizes if residual else {}),
        ).eval()
        names = ours_from_theirs(self.network.state_dict())
        renamed = {value.data_ptr(): name for name, value in names.items()}
        theirs = {name: state[renamed[value.data_ptr()]] for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(theirs)
        self.mean, self.std = statistics(config)

    def to(self, dtype):
        self.network.to(dtype)
        return self

    def encode(self, video):
        latents = self.network.encode(video.to(self.network.dtype)).latent_dist.mode()
        return (latents.float() - self.mean) / self.std

    def decode(self, latents):
        return self.network.decode((latents * self.std + self.mean).to(self.network.dtype), return_dict=False)[0]


def diffsynth_vae():
    transformers = pytest.importorskip("transformers", reason="diffsynth needs the transformers package")
    import transformers.modeling_utils

    transformers.modeling_utils.PretrainedConfig = transformers.PretrainedConfig
    pytest.importorskip("diffsynth", reason="the oracle needs the diffsynth package")
    from diffsynth.models import wan_video_vae

    return wan_video_vae


class Diffsynth:
    def __init__(self, config, state):
        module = diffsynth_vae()
        sizes = {key: config[key] for key in ("dim", "z_dim", "dim_mult", "num_res_blocks")}
        for key in ("attn_scales", "temporal_downsample"):
            if key in config:
                sizes[key.replace("temporal", "temperal")] = config[key]
        if config["version"] == "2.2":
            self.network = module.VideoVAE38_(dec_dim=config["dec_dim"], **sizes)
        else:
            self.network = module.VideoVAE_(**sizes)
        self.network.load_state_dict(state)
        self.network.eval()
        self.scale = [torch.tensor(config["mean"]), 1.0 / torch.tensor(config["std"])]

    def encode(self, video):
        return self.network.encode(video, self.scale)

    def decode(self, latents):
        return self.network.decode(latents, self.scale)

    def tiler(self, config):
        """The public pipeline's tiled_encode and tiled_decode around this network."""
        module = diffsynth_vae()
        outer = (module.WanVideoVAE38 if config["version"] == "2.2" else module.WanVideoVAE).__new__(module.WanVideoVAE)
        torch.nn.Module.__init__(outer)
        outer.model, outer.scale, outer.z_dim = self.network, self.scale, config["z_dim"]
        outer.upsampling_factor = 16 if config["version"] == "2.2" else 8
        return outer
