# SPDX-License-Identifier: Apache-2.0
"""Names of a transformer's weights: Wan's, diffusers' and the release's, and the config that shapes say."""

import pytest
import torch

from action_images import FormatError
from action_images.model import (
    WanTransformer, load_tensors, save_tensors, wan_config_from_tensors, wan_transformer_tensors, with_camera_layers
)

CONFIG = {"dim": 256, "in_dim": 6, "ffn_dim": 100, "out_dim": 5, "text_dim": 40, "freq_dim": 32, "num_heads": 2, "num_layers": 3}
CAMERA = {**CONFIG, "camera_channels": 10, "camera_pool": [2, 16, 16]}


def network(config, seed=0):
    made = WanTransformer(config)
    random = torch.Generator().manual_seed(seed)
    made.load_state_dict({
        name: torch.randn(value.shape, generator=random) * 0.1 + (1.0 if "norm" in name and "weight" in name else 0.0)
        for name, value in made.state_dict().items()
    })
    return made


@pytest.mark.parametrize("prefix", ["", "pipe.dit.", "module.", "model.", "module.pipe.dit.", "model.diffusion_model.",
                                    "_orig_mod.module.", "transformer."])
def test_prefixes_are_taken_off(prefix):
    state = network(CAMERA).state_dict()
    got = wan_transformer_tensors({prefix + name: value for name, value in state.items()})
    assert sorted(got) == sorted(state)
    assert all(got[name].data_ptr() == state[name].data_ptr() for name in state)
    WanTransformer(CAMERA).load_state_dict(got)


def test_names_that_are_no_parameters_stay_and_are_listed_when_they_are_loaded():
    state = {f"module.{name}": value for name, value in network(CONFIG).state_dict().items()}
    state["module.optimizer.step"] = torch.ones(1)
    state["module.blocks.x.weight"] = torch.ones(1)
    got = wan_transformer_tensors(state)
    assert {"module.optimizer.step", "module.blocks.x.weight"} < set(got)
    with pytest.raises(FormatError, match=r"unexpected \(2\): module.blocks.x.weight module.optimizer.step"):
        WanTransformer(CONFIG).load_state_dict(got)


def test_two_names_of_one_parameter_are_refused():
    state = network(CONFIG).state_dict()
    state["module.head.head.bias"] = state["head.head.bias"]
    with pytest.raises(FormatError, match="module.head.head.bias: expected a name that means another parameter"):
        wan_transformer_tensors(state)


@pytest.mark.parametrize("config", [CONFIG, CAMERA, {**CAMERA, "dim": 128, "num_heads": 1, "image_stem": [8, 16]}])
def test_the_config_is_read_from_shapes(config):
    made = network(config)
    assert wan_config_from_tensors(made.state_dict()) == made.config


@pytest.mark.parametrize("preset", ["wan2.2-ti2v-5b", "wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "action-images-5b"])
def test_published_configs_are_read_from_shapes(preset):
    config = preset_config(preset)
    empty = lambda *shape: torch.empty(shape, device="meta")
    dim, layers, patch = config["dim"], config["num_layers"], 4
    shapes = {
        "patch_embedding.weight": empty(dim, config["in_dim"], 1, 2, 2),
        "text_embedding.0.weight": empty(dim, config["text_dim"]),
        "time_embedding.0.weight": empty(dim, config["freq_dim"]),
        "head.head.weight": empty(config["out_dim"] * patch, dim),
        **{f"blocks.{i}.ffn.0.weight": empty(config["ffn_dim"], dim) for i in range(layers)},
    }
    if config["camera_channels"]:
        shapes["blocks.0.cam_encoder.2.weight"] = empty(dim, 12288)
    assert wan_config_from_tensors(shapes) == config


def preset_config(name):
    sizes = {
        "wan2.2-ti2v-5b": (3072, 48, 14336, 48, 24, 30, 0), "action-images-5b": (3072, 48, 14336, 48, 24, 30, 96),
        "wan2.1-t2v-1.3b": (1536, 16, 8960, 16, 12, 30, 0), "wan2.1-t2v-14b": (5120, 16, 13824, 16, 40, 40, 0),
    }[name]
    keys = ("dim", "in_dim", "ffn_dim", "out_dim", "num_heads", "num_layers", "camera_channels")
    default = WanTransformer({"dim": 16, "num_heads": 1, "ffn_dim": 1, "num_layers": 1, "text_dim": 1}).config
    return {**default, "text_dim": 4096, **dict(zip(keys, sizes))}


def test_tensors_of_no_transformer_are_refused_by_name():
    state = network(CONFIG).state_dict()
    for name, value, text in [
        ("patch_embedding.weight", None, "patch_embedding.weight: expected a transformer's tensors"),
        ("text_embedding.0.weight", torch.ones(2), r"text_embedding.0.weight: expected 2 axes, got \(2,\)"),
        ("patch_embedding.weight", torch.ones(100, 6, 1, 2, 2), "dim: expected a multiple of the 128 channels"),
        ("patch_embedding.weight", torch.ones(0, 6, 1, 2, 2), "dim: expected"),
    ]:
        changed = {key: other for key, other in state.items() if key != name or value is not None}
        if value is not None:
            changed[name] = value
        with pytest.raises(FormatError, match=text):
            wan_config_from_tensors(changed)


def test_the_width_of_a_head_can_be_told():
    made = network({**CONFIG, "num_heads": 8})
    assert wan_config_from_tensors(made.state_dict(), head_dim=32) == made.config


@torch.no_grad()
def test_camera_layers_that_are_absent_change_nothing_and_are_told():
    plain = network(CONFIG)
    told = []
    state = with_camera_layers(plain.state_dict(), CAMERA, told.append)
    assert told == ["the weights lack 12 of the camera layers' 12 tensors: cam_encoder is zero and projector the identity "
                    "there, which change nothing"]
    conditioned = WanTransformer(CAMERA, tensors=state)
    latents, text = torch.randn(1, 6, 2, 4, 6), torch.randn(1, 3, 40)
    camera = torch.randn(1, 2, 10, 4, 6)
    assert torch.equal(conditioned(latents, torch.tensor([500.0]), text, camera), plain(latents, torch.tensor([500.0]), text))


def test_camera_layers_that_are_there_are_kept_and_nothing_is_told():
    state = network(CAMERA).state_dict()
    told = []
    got = with_camera_layers(state, CAMERA, told.append)
    assert not told and all(got[name] is state[name] or got[name].data_ptr() == state[name].data_ptr() for name in state)
    half = {name: value for name, value in state.items() if "blocks.1.projector" not in name}
    got = with_camera_layers({name: value.bfloat16() for name, value in half.items()}, CAMERA, told.append)
    assert "lack 2 of" in told[0]
    assert torch.equal(got["blocks.1.projector.weight"], torch.eye(256, dtype=torch.bfloat16))


@pytest.mark.parametrize("image", [False, True], ids=["text", "text and images"])
@torch.no_grad()
def test_a_sharded_folder_of_diffusers_is_the_same_network(tmp_path, image):
    diffusers = pytest.importorskip("diffusers", reason="the oracle needs the diffusers package")
    torch.manual_seed(0)
    oracle = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=128, in_channels=6, out_channels=5, text_dim=40,
        freq_dim=32, ffn_dim=100, num_layers=3, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6,
        **({"image_dim": 48, "added_kv_proj_dim": 256} if image else {}),
    )
    for parameter in oracle.parameters():
        parameter.normal_(0.0, 0.1)
    oracle.save_pretrained(tmp_path / "transformer", max_shard_size="1MB")
    assert len(list((tmp_path / "transformer").glob("*.safetensors"))) > 2
    tensors = wan_transformer_tensors(load_tensors(tmp_path / "transformer"))
    if image:
        assert {name.split(".")[0] for name in tensors} == {
            "patch_embedding", "text_embedding", "time_embedding", "time_projection", "blocks", "head", "img_emb"
        }
        assert tensors["blocks.0.cross_attn.k_img.weight"].shape == (256, 256)
        assert tensors["img_emb.proj.1.weight"].shape[1] == 48 and "img_emb.proj.4.bias" in tensors
        return
    config = wan_config_from_tensors(tensors)
    assert {key: config[key] for key in CONFIG} == CONFIG
    latents, time, text = torch.randn(2, 6, 3, 4, 6), torch.tensor([10.0, 900.0]), torch.randn(2, 7, 40)
    reference = oracle(latents, time, text, return_dict=False)[0]
    got = WanTransformer(config, tensors=tensors)(latents, time, text)
    assert ((got - reference).abs().max() / reference.abs().max()).item() <= 1e-5


@torch.no_grad()
def test_a_checkpoint_as_training_saves_it_is_the_same_network(tmp_path):
    made = network(CAMERA)
    path = tmp_path / "step100.ckpt"
    torch.save({"module": {f"pipe.dit.{name}": value for name, value in made.state_dict().items()}, "step": 100}, path)
    tensors = wan_transformer_tensors(load_tensors(path))
    config = wan_config_from_tensors(tensors)
    assert config == made.config
    inputs = torch.randn(1, 6, 2, 4, 6), torch.tensor([500.0]), torch.randn(1, 3, 40), torch.randn(1, 2, 10, 4, 6)
    assert torch.equal(WanTransformer(config, tensors=tensors)(*inputs), made(*inputs))


def test_mapped_tensors_that_do_not_fit_are_named_together(tmp_path):
    state = network(CONFIG).state_dict()
    del state["blocks.0.norm3.bias"]
    state["surplus"] = torch.ones(1)
    state["head.head.bias"] = torch.ones(3)
    save_tensors(tmp_path / "a.safetensors", state)
    text = r"missing \(1\): blocks.0.norm3.bias; unexpected \(1\): surplus; mis-shaped \(1\): head.head.bias expected"
    with pytest.raises(FormatError, match=text):
        WanTransformer(CONFIG, tensors=load_tensors(tmp_path / "a.safetensors"))
