# SPDX-License-Identifier: Apache-2.0
"""LoRAs merged into a transformer's weights, under everybody's names."""

import json

import pytest
import torch

from action_images import FormatError
from action_images.model import WanTransformer, merge_lora, save_tensors

CONFIG = {"dim": 128, "in_dim": 6, "ffn_dim": 100, "out_dim": 5, "text_dim": 40, "freq_dim": 32, "num_heads": 1, "num_layers": 2}
RANK = 3
MODULES = {"blocks.0.self_attn.q": "blocks.0.attn1.to_q", "blocks.1.cross_attn.o": "blocks.1.attn2.to_out.0",
           "blocks.1.ffn.2": "blocks.1.ffn.net.2", "patch_embedding": "patch_embedding"}


def state():
    made = WanTransformer(CONFIG)
    made.initialize(0)
    return made.state_dict()


def matrices(weights, seed=1):
    random = torch.Generator().manual_seed(seed)
    pairs = {}
    for module in MODULES:
        weight = weights[f"{module}.weight"]
        down = torch.randn(RANK, *weight.shape[1:], generator=random)
        pairs[module] = down, torch.randn(weight.shape[0], RANK, *(1,) * (weight.dim() - 2), generator=random)
    return pairs


def merged_by_hand(weights, pairs, scale):
    wanted = dict(weights)
    for module, (down, up) in pairs.items():
        weight = weights[f"{module}.weight"]
        wanted[f"{module}.weight"] = weight + scale * (up.flatten(1) @ down.flatten(1)).view(weight.shape)
    return wanted


def assert_close(got, wanted):
    assert sorted(got) == sorted(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(got[name], value, msg=name)


NAMES = {
    "PEFT": lambda module: (f"base_model.model.{module}.lora_A.weight", f"base_model.model.{module}.lora_B.weight"),
    "PEFT in training": lambda module: (f"{module}.lora_A.default.weight", f"{module}.lora_B.default.weight"),
    "diffusers": lambda module: tuple(f"transformer.{MODULES[module]}.lora_{half}.weight" for half in "AB"),
    "published": lambda module: (
        f"diffusion_model.{module}.lora_down.weight", f"diffusion_model.{module}.lora_up.weight"),
    "kohya": lambda module: tuple(
        f"lora_unet_{module.replace('.', '_')}.lora_{half}.weight" for half in ("down", "up")),
    "old diffusers": lambda module: (f"{module}.lora.down.weight", f"{module}.lora.up.weight"),
}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("alpha", [None, 6.0], ids=["no alpha", "alpha"])
def test_a_lora_is_merged_under_everybodys_names(names, alpha):
    weights = state()
    pairs = matrices(weights)
    lora = {name: half for module, pair in pairs.items() for name, half in zip(NAMES[names](module), pair)}
    if alpha:
        for module in MODULES:
            first = NAMES[names](module)[0]
            lora[first[: first.index(".lora")] + ".alpha"] = torch.tensor(alpha)
    got = merge_lora(weights, lora, 0.5)
    assert_close(got, merged_by_hand(weights, pairs, 0.5 * ((alpha or RANK) / RANK)))
    unchanged = [name for name in weights if name.removesuffix(".weight") not in MODULES]
    assert all(got[name].data_ptr() == weights[name].data_ptr() for name in unchanged)


def test_merging_is_computed_in_float32_and_kept_in_the_weights_dtype():
    weights = {name: value.bfloat16() for name, value in state().items()}
    pairs = matrices(weights)
    lora = {name: half for module, pair in pairs.items() for name, half in zip(NAMES["PEFT"](module), pair)}
    wanted = merged_by_hand({name: value.float() for name, value in weights.items()}, pairs, 2.0)
    assert_close(merge_lora(weights, lora, 2.0), {name: value.bfloat16() for name, value in wanted.items()})


def test_differences_are_added():
    weights = state()
    lora = {"diffusion_model.blocks.0.norm3.diff": torch.ones(128), "diffusion_model.blocks.0.norm3.diff_b": torch.ones(128) * 2}
    got = merge_lora(weights, lora, 0.5)
    torch.testing.assert_close(got["blocks.0.norm3.weight"], weights["blocks.0.norm3.weight"] + 0.5)
    torch.testing.assert_close(got["blocks.0.norm3.bias"], weights["blocks.0.norm3.bias"] + 1.0)


def peft_folder(folder, weights, pairs, **config):
    folder.mkdir()
    lora = {name: half for module, pair in pairs.items() for name, half in zip(NAMES["PEFT"](module), pair)}
    save_tensors(folder / "adapter_model.safetensors", lora)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": RANK, "lora_alpha": 9, **config}))
    return folder


def test_the_alpha_of_pefts_configuration_is_used(tmp_path):
    weights = state()
    pairs = matrices(weights)
    folder = peft_folder(tmp_path / "plain", weights, pairs)
    wanted = merged_by_hand(weights, pairs, 9 / RANK)
    assert_close(merge_lora(weights, folder), wanted)
    assert_close(merge_lora(weights, folder / "adapter_model.safetensors"), wanted)
    stabilised = peft_folder(tmp_path / "stabilised", weights, pairs, use_rslora=True)
    assert_close(merge_lora(weights, stabilised), merged_by_hand(weights, pairs, 9 / RANK**0.5))


def test_the_alpha_of_diffusers_metadata_is_used(tmp_path):
    weights = state()
    pairs = matrices(weights)
    lora = {name: half for module, pair in pairs.items() for name, half in zip(NAMES["diffusers"](module), pair)}
    described = json.dumps({"transformer.lora_alpha": 6, "transformer.r": RANK})
    save_tensors(tmp_path / "lora.safetensors", lora, {"lora_adapter_metadata": described})
    assert_close(merge_lora(weights, tmp_path / "lora.safetensors"), merged_by_hand(weights, pairs, 6 / RANK))


def test_what_diffusers_saves_is_merged_as_diffusers_fuses_it(tmp_path):
    """A LoRA made with PEFT on diffusers' network: the merged network equals the one with the adapter."""
    diffusers = pytest.importorskip("diffusers", reason="the oracle needs the diffusers package")
    peft = pytest.importorskip("peft", reason="the oracle needs the peft package")
    from action_images.model import wan_transformer_tensors

    oracle = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=1, attention_head_dim=128, in_channels=6, out_channels=5, text_dim=40,
        freq_dim=32, ffn_dim=100, num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6,
    )
    weights = wan_transformer_tensors({name: value.clone() for name, value in oracle.state_dict().items()})
    oracle.add_adapter(peft.LoraConfig(r=4, lora_alpha=8, init_lora_weights=False, target_modules=["to_q", "to_out.0"]))
    oracle.save_lora_adapter(tmp_path / "lora")
    inputs = torch.randn(1, 6, 2, 4, 6), torch.tensor([500.0]), torch.randn(1, 3, 40)
    with torch.no_grad():
        reference = oracle(*inputs, return_dict=False)[0]
        got = WanTransformer(CONFIG, tensors=merge_lora(weights, tmp_path / "lora"))(*inputs)
    assert ((got - reference).abs().max() / reference.abs().max()).item() <= 1e-5


def test_all_names_that_do_not_fit_are_listed_together():
    weights = state()
    half = torch.ones(RANK, 128)
    with pytest.raises(FormatError) as error:
        merge_lora(weights, {
            "blocks.0.self_attn.q.lora_A.weight": half, "text_encoder.layer.lora_A.weight": half, "step": torch.ones(1),
            "blocks.1.self_attn.q.dora_scale": torch.ones(128, 1),
        })
    for text in ("unknown (2): step text_encoder.layer.lora_A.weight", "of DoRA (1): blocks.1.self_attn.q.dora_scale",
                 "without its other half (1): blocks.0.self_attn.q"):
        assert text in str(error.value)
    with pytest.raises(FormatError) as error:
        merge_lora(weights, {
            "blocks.7.self_attn.q.lora_A.weight": half, "blocks.7.self_attn.q.lora_B.weight": torch.ones(128, RANK),
            "blocks.0.self_attn.k.lora_A.weight": half, "blocks.0.self_attn.k.lora_B.weight": torch.ones(64, RANK),
            "blocks.0.self_attn.v.lora_A.weight": torch.ones(RANK, 64), "blocks.0.self_attn.v.lora_B.weight": torch.ones(128, RANK),
        })
    for text in ("unmatched (1): blocks.7.self_attn.q", "mis-shaped (2): blocks.0.self_attn.k for "):
        assert text in str(error.value)


@pytest.mark.parametrize("lora", [
    {"blocks.0.self_attn.q.lora_A.weight": torch.ones(3, 128), "blocks.0.self_attn.q.lora_B.weight": torch.ones(128, 4)},
    {"blocks.0.self_attn.q.lora_A.weight": torch.ones(128), "blocks.0.self_attn.q.lora_B.weight": torch.ones(128)},
    {"blocks.0.self_attn.q.lora_A.weight": torch.ones(0, 128), "blocks.0.self_attn.q.lora_B.weight": torch.ones(128, 0)},
    {"blocks.0.self_attn.q.lora_A.weight": torch.ones(3, 128).int(), "blocks.0.self_attn.q.lora_B.weight": torch.ones(128, 3)},
    {"blocks.0.self_attn.q.alpha": torch.tensor(3.0)},
], ids=["two ranks", "vectors", "rank 0", "whole numbers", "an alpha alone"])
def test_matrices_that_are_no_pair_are_refused(lora):
    with pytest.raises(FormatError, match="blocks.0.self_attn.q"):
        merge_lora(state(), lora)


def test_configurations_that_are_not_followed_are_refused(tmp_path):
    weights = state()
    pairs = matrices(weights)
    for name, config in {"dora": {"use_dora": True}, "ranks": {"rank_pattern": {"q": 8}}, "alpha": {"lora_alpha": "x"}}.items():
        with pytest.raises(FormatError, match="adapter_config.json"):
            merge_lora(weights, peft_folder(tmp_path / name, weights, pairs, **config))
    with pytest.raises(ValueError, match="scale: expected a finite number"):
        merge_lora(weights, {}, float("nan"))
