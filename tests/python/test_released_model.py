# SPDX-License-Identifier: Apache-2.0
"""World models from the released checkpoint's files, in small."""

import json
import shutil
import sys
import types
import warnings

import numpy as np
import pytest
import tiny_world

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_release  # noqa: E402

import action_images as aim  # noqa: E402
from action_images import hub  # noqa: E402
from action_images.model import PromptEncoder, WorldModel, save_tensors, world_preset, world_preset_names  # noqa: E402

PROMPT = "reach the red block"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Folder with checkpoints/Wan-AI/... and ActionImages/checkpoint.ckpt."""
    root = tmp_path_factory.mktemp("release")
    tiny_release.write_release(root)
    return root


@pytest.fixture
def in_release(release, monkeypatch):
    monkeypatch.chdir(release)
    return release


def load(path, **options):
    return WorldModel.load(path, config=tiny_release.WORLD, **options)


def generate(model, **options):
    options = {"steps": 2, "guidance": 2.0, "seed": 3, **options}
    return model.generate(tiny_world.pictures(), PROMPT, rig=tiny_world.rig(), **options)


@pytest.fixture(scope="module")
def rollout(release):
    wan = release / "checkpoints" / tiny_release.MODEL_ID
    return generate(load(release / "ActionImages/checkpoint.ckpt", base=wan))


def test_a_checkpoint_with_wans_weights_beside_it_generates(rollout):
    assert rollout.video.shape == rollout.action_images.shape == (2, 5, 64, 64, 3)
    assert rollout.settings["convention"] == "release"
    assert rollout.video.std() > 1  # not a grey wall


@pytest.mark.parametrize("path", ["ActionImages/checkpoint.ckpt", "ActionImages"])
def test_wans_weights_are_found_where_the_release_keeps_them(in_release, rollout, path):
    assert np.array_equal(generate(load(path)).video, rollout.video)


def test_a_folder_of_diffusers_is_the_same_model(tmp_path, rollout):
    assert np.array_equal(generate(load(tiny_release.write_diffusers(tmp_path / "model"))).video, rollout.video)


def test_prefixes_of_what_a_checkpoint_was_saved_in_are_taken_off(in_release, tmp_path, rollout):
    state = tiny_release.weights()["transformer"]
    torch.save({f"pipe.dit.{name}": value for name, value in state.items()}, tmp_path / "step100.ckpt")
    shutil.copy("ActionImages/config.json", tmp_path)
    assert np.array_equal(generate(load(tmp_path / "step100.ckpt")).video, rollout.video)


def test_wans_own_transformer_gets_camera_layers_without_effect_and_a_warning(in_release):
    with pytest.warns(UserWarning, match="camera"):
        model = load(f"checkpoints/{tiny_release.MODEL_ID}")
    assert model.config["transformer"]["camera_channels"] == 12
    turned = tiny_world.rig()
    other = aim.Rig([turned[1], turned[0]])
    first = generate(model)
    again = model.generate(tiny_world.pictures(), PROMPT, rig=other, steps=2, guidance=2.0, seed=3)
    assert np.array_equal(first.video, again.video)


def test_the_conventions_are_the_releases(in_release):
    config = WorldModel.load("ActionImages", notice=print).config
    assert (config["height"], config["width"], config["frames"], config["views"]) == (512, 512, 41, 0)
    assert config["sampling"]["steps"] == 50 and config["sampling"]["shift"] == 5.0
    assert config["sampling"]["guidance"] == 7.5 and config["sampling"]["negative_prompt"] == ""
    assert config["codec"]["convention"] == "release" and config["unknown_first_action"] == "empty"
    assert config["moment_scale"] == 3.0 and config["prediction"] == "velocity" and not config["condition_channels"]
    assert config["tokenizer"] == {
        "length": 512, "lower_case": False, "clean_instructions": False, "truncate": True, "empty_prompts": True,
    }  # fmt: skip


def test_presets_have_the_published_sizes():
    assert "action-images-5b" in world_preset_names()
    config = world_preset("action-images-5b")
    assert config["name"] == "action-images-5b" and config["transformer"]["camera_channels"] == 96
    assert config["transformer"]["dim"] == 3072 and config["vae"]["version"] == "2.2"
    assert world_preset("wan2.1-t2v-1.3b")["vae"]["version"] == "2.1"
    with pytest.raises(ValueError, match="action-images-5b"):
        world_preset("action-images-7b")


def test_an_empty_prompt_is_one_for_a_model_that_was_trained_without_some(in_release):
    model = load("ActionImages")
    assert model.generate(tiny_world.pictures(), "", rig=tiny_world.rig(), steps=1, guidance=1.0).prompt == ""


def test_an_over_long_prompt_is_cut_as_wan_does(in_release):
    states = load("ActionImages").encode_prompts(["block " * 2000])
    assert states.shape == (1, 512, 16) and states[0, -1].abs().max() > 0


def test_prompts_are_encoded_one_by_one_and_padded_with_zeros(in_release):
    model = load("ActionImages")
    together = model.encode_prompts([PROMPT, "", "grasp the blue block"])
    assert together.shape == (3, 512, 16)
    for row, prompt in zip(together, [PROMPT, "", "grasp the blue block"]):
        assert torch.equal(model.encode_prompts([prompt])[0], row)
    assert (together[1, 1:] == 0).all() and (together[1, 0] != 0).any()
    with pytest.raises(ValueError, match="list of texts"):
        model.encode_prompts(PROMPT)


def test_cached_prompts_need_no_text_encoder(in_release, tmp_path, rollout, monkeypatch):
    PromptEncoder("ActionImages", embedding_cache=tmp_path).encode([PROMPT, ""])
    model = load("ActionImages", embedding_cache=tmp_path)
    weights = in_release / "checkpoints" / tiny_release.MODEL_ID / "models_t5_umt5-xxl-enc-bf16.pth"
    hidden = weights.with_suffix(".hidden")
    weights.rename(hidden)
    try:
        assert np.array_equal(generate(model).video, rollout.video)
        with pytest.raises(aim.FormatError, match="models_t5"):
            model.encode_prompts(["another prompt"])
    finally:
        hidden.rename(weights)


@pytest.mark.parametrize("keep", [True, False])
def test_keeping_the_text_encoder_changes_no_bit(in_release, rollout, keep):
    model = load("ActionImages", keep_text_encoder=keep)
    for _ in range(2):
        assert np.array_equal(generate(model).video, rollout.video)


def test_networks_may_have_their_own_dtype(in_release, rollout):
    half = generate(load("ActionImages", dtype=torch.bfloat16, vae_dtype=torch.float32, text_dtype="float32"))
    difference = np.abs(half.video.astype(int) - rollout.video.astype(int))
    assert 0 < difference.mean() < 10
    everything = generate(load("ActionImages", dtype="bfloat16", device="cpu"))
    assert everything.video.shape == rollout.video.shape and everything.video.dtype == np.uint8


def test_weights_that_keep_their_dtype_are_mapped_and_not_copied(in_release):
    def mapped():
        return open("/proc/self/maps").read().count("checkpoint.ckpt")

    before, model = mapped(), load("ActionImages")
    assert mapped() > before
    assert generate(model, steps=1).video.shape == (2, 5, 64, 64, 3)


def test_progress_is_told_and_can_stop(in_release):
    parts = []
    load("ActionImages", dtype=torch.bfloat16, progress=lambda *done: parts.append(done))
    assert {part for part, _, _ in parts} == {"transformer", "VAE"}
    last = [done for done in parts if done[0] == "transformer"][-1]
    assert last[1] == last[2] > 0
    with pytest.raises(KeyError, match="stop"):
        load("ActionImages", progress=lambda *done: {}["stop"])
    with pytest.raises(Exception, match="stopped"):
        load("ActionImages", progress=lambda *done: False)


def test_all_missing_files_are_named_in_one_error(tmp_path):
    checkpoint = tiny_release.write_checkpoint(tmp_path)
    with pytest.raises(aim.FormatError) as error:
        WorldModel.load(checkpoint, checkpoints=tmp_path / "nowhere")
    for name in ("models_t5_umt5-xxl-enc-bf16.pth", "Wan2.2_VAE.pth", "google/umt5-xxl/spiece.model", str(tmp_path)):
        assert name in str(error.value)


def test_missing_shards_are_named(in_release, tmp_path):
    folder = tmp_path / "wan"
    shutil.copytree(f"checkpoints/{tiny_release.MODEL_ID}", folder)
    (folder / "diffusion_pytorch_model-00002-of-00002.safetensors").unlink()
    (folder / "Wan2.2_VAE.pth").unlink()
    with pytest.raises(aim.FormatError, match="00002-of-00002.safetensors.*Wan2.2_VAE.pth"):
        WorldModel.load(folder, model_id="")


def test_several_checkpoints_in_a_folder_are_not_guessed_at(in_release, tmp_path):
    for name in ("a.ckpt", "b.ckpt"):
        shutil.copy("ActionImages/checkpoint.ckpt", tmp_path / name)
    with pytest.raises(aim.FormatError, match="one .ckpt.*a.ckpt.*b.ckpt"):
        WorldModel.load(tmp_path)


def test_tensors_that_do_not_fit_are_listed_together(in_release, tmp_path):
    state = tiny_release.weights()["transformer"]
    state.pop("head.head.bias")
    state["blocks.1.ffn.0.bias"] = torch.zeros(3)
    state["blocks.0.surprise"] = torch.zeros(3)
    torch.save(state, tmp_path / "x.ckpt")
    with pytest.raises(aim.FormatError) as error:
        WorldModel.load(tmp_path / "x.ckpt", config={"transformer": {"num_heads": 2}})
    for name in ("head.head.bias", "blocks.1.ffn.0.bias", "blocks.0.surprise"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtype": "int8"}, "dtype"),
        ({"dtype": torch.int64}, "dtype"),
        ({"device": "abacus"}, "device"),
        ({"config": {"colour": 1}}, "colour"),
        ({"config": {"height": "tall"}}, "height"),
        ({"lora": ["nothing.safetensors"]}, "nothing.safetensors"),
        ({"base": "nowhere/at/all", "model_id": ""}, "Wan2.2_VAE.pth"),
    ],
)
def test_wrong_options_are_refused_by_name(in_release, options, said):
    with pytest.raises(ValueError, match=said):
        WorldModel.load("ActionImages", **options)


def test_a_model_that_is_nowhere_is_refused():
    for name in ("embeded", "nowhere/checkpoint.ckpt", "no/such/model"):
        with pytest.raises(ValueError, match="owner/name"):
            WorldModel.load(name)


@pytest.fixture
def fake_hub(monkeypatch):
    """A huggingface_hub whose repositories are folders on this disk; returns its calls."""
    calls = []

    def snapshot_download(repo_id, local_dir, allow_patterns, revision=None):
        calls.append((repo_id, str(local_dir), tuple(allow_patterns)))
        if repo_id != "anyeZHY/ActionImages":
            raise OSError("404 Repository Not Found")
        tiny_release.write_checkpoint(local_dir)

    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return calls


def test_a_name_on_the_hub_is_downloaded_once_to_where_the_release_keeps_it(release, fake_hub, monkeypatch, rollout):
    monkeypatch.chdir(release)
    for _ in range(2):
        assert np.array_equal(generate(load("anyeZHY/ActionImages")).video, rollout.video)
    assert len(fake_hub) == 1
    assert fake_hub[0][1] == "checkpoints/anyeZHY--ActionImages" and "*.ckpt" in fake_hub[0][2]
    shutil.rmtree("checkpoints/anyeZHY--ActionImages")


def test_what_the_hub_does_not_have_or_cannot_give_is_a_plain_error(tmp_path, fake_hub, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="someone/else.*Repository Not Found.*hf download"):
        WorldModel.load("someone/else")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match="pip install huggingface_hub.*hf download someone/else"):
        WorldModel.load("someone/else")
    with pytest.raises(ValueError, match="owner/name"):
        hub.download("nobody")


def test_files_of_weights_are_no_names_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hub.is_hub_id("anyeZHY/ActionImages")
    for name in ("ActionImages/checkpoint.ckpt", "embedded", "a/b/c", "/a/b", "./b", "../b"):
        assert not hub.is_hub_id(name)
    (tmp_path / "a/b").mkdir(parents=True)
    assert not hub.is_hub_id("a/b")


def test_a_folder_of_ours_may_be_loaded_in_any_dtype(tiny_model):
    def made(**options):
        model = WorldModel.load(tiny_model, **options)
        return model.generate(tiny_world.pictures(), PROMPT, rig=tiny_world.rig(), seed=1).video

    assert np.array_equal(made(), made(dtype=torch.float32))
    assert np.abs(made().astype(int) - made(dtype=torch.bfloat16)).mean() < 10


def test_weights_stored_in_float16_are_computed_in_float32(tiny_model, tmp_path):
    from action_images.model import load_tensors

    folder = tmp_path / "half"
    shutil.copytree(tiny_model, folder)
    tensors = {name: value.half() for name, value in load_tensors(tiny_model / "model.safetensors").items()}
    save_tensors(folder / "model.safetensors", tensors)
    full = tmp_path / "full"
    shutil.copytree(tiny_model, full)
    save_tensors(full / "model.safetensors", {name: value.float() for name, value in tensors.items()})
    models = [WorldModel.load(path) for path in (folder, full)]
    videos = [model.generate(tiny_world.pictures(), PROMPT, rig=tiny_world.rig()).video for model in models]
    assert np.array_equal(*videos)


def test_a_packed_folder_without_one_of_its_files_is_refused(tiny_model, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder)
    (folder / "config.json").write_text(json.dumps({"format": "action-images-model", "colour": 1}))
    with pytest.raises(aim.FormatError, match="colour"):
        WorldModel.load(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WorldModel.load(tiny_model)


def test_a_lora_is_merged_when_the_model_is_loaded(in_release, tmp_path, rollout):
    state = tiny_release.weights()["transformer"]
    random = torch.Generator().manual_seed(9)
    down, up = torch.randn(4, 48, generator=random), torch.randn(48, 4, generator=random) * 0.1
    names = "transformer.blocks.1.attn1.to_q.lora_A.weight", "transformer.blocks.1.attn1.to_q.lora_B.weight"
    save_tensors(tmp_path / "style.safetensors", dict(zip(names, (down, up))))
    state["blocks.1.self_attn.q.weight"] += 0.5 * up @ down
    torch.save(state, tmp_path / "merged.ckpt")
    shutil.copy("ActionImages/config.json", tmp_path)
    merged = generate(load("ActionImages", lora=[(tmp_path / "style.safetensors", 0.5)]))
    expected = generate(load(tmp_path / "merged.ckpt"))
    assert torch.allclose(merged.latents, expected.latents, atol=1e-4)
    assert not torch.allclose(merged.latents, rollout.latents, atol=1e-2)
