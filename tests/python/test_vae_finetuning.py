# SPDX-License-Identifier: Apache-2.0
"""VAE fine-tuning: what is trained and what is not, that it learns, that it goes on bit by bit."""

import json

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

import action_images as aim
import tiny_world
from action_images import data
from action_images.model import UMT5Encoder, WanTransformer, WanVAE, WorldModel, load_tensors, save_tensors, train_vae
from test_action_head import episodes, write_clips
from wan_vae_oracles import random_state, with_statistics

WAN = {"version": "2.1", "dim": 4, "z_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
OPTIONS = {"steps": 6, "learning_rate": 1e-3, "checkpoint_every": 100, "seed": 4}


def write_wan_model(folder):
    """A model folder whose VAE is a small one of Wan's."""
    vae = with_statistics(WAN)
    transformer = {
        **tiny_world.CONFIG["transformer"], "in_dim": 14, "out_dim": 4, "camera_channels": 8, "camera_pool": [8, 2, 2]
    }  # fmt: skip
    config = {**tiny_world.CONFIG, "transformer": transformer, "vae": {"kind": "wan", **vae}}
    networks = {
        "transformer.": WanTransformer(transformer), "text_encoder.": UMT5Encoder(config["text_encoder"]),
        "vae.": WanVAE(vae),
    }  # fmt: skip
    folder.mkdir()
    tensors = {}
    for prefix, network in networks.items():
        if prefix == "vae.":
            network.load_state_dict(random_state(network))
        else:
            network.initialize(0)
        tensors.update({prefix + name: value.contiguous() for name, value in network.state_dict().items()})
    save_tensors(folder / "model.safetensors", tensors)
    (folder / "tokenizer.model").write_bytes(tiny_world.TOKENIZER.read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def folders(tiny_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("vae")
    write_clips(root / "clips")
    return {"patch": tiny_model, "wan": write_wan_model(root / "wan"), "clips": root / "clips"}


@pytest.fixture(scope="module")
def models(folders):
    return {name: WorldModel.load(folders[name]) for name in ("patch", "wan")}


def start_of(folders, name):
    tensors = load_tensors(folders[name] / "model.safetensors")
    return {key[4:]: value for key, value in tensors.items() if key.startswith("vae.")}


class Broken(data.Episodes):
    """No episode can be read."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise OSError("no such picture")


BOTH = pytest.mark.parametrize("name", ["patch", "wan"])


@BOTH
@pytest.mark.parametrize("part", ["encoder", "decoder", "both"])
def test_only_the_part_that_was_asked_for_changes(models, folders, tmp_path, name, part):
    assert train_vae(models[name], folders["clips"], tmp_path, part=part, **OPTIONS)
    before, after = start_of(folders, name), load_tensors(tmp_path / "vae.safetensors")
    assert before.keys() == after.keys()
    prefixes = {"encoder": ("encoder.", "conv1."), "decoder": ("decoder.", "conv2.")}
    wanted = sum((prefixes[each] for each in prefixes if part in (each, "both")), ())
    for key, value in after.items():
        assert torch.equal(value, before[key]) is not key.startswith(wanted), key


@BOTH
def test_the_loss_falls_and_is_the_sum_of_its_parts(models, folders, tmp_path, name):
    events = []
    options = {**OPTIONS, "steps": 60, "part": "both", "l1": 1.0, "l2": 0.5, "kl": 0.01, "learning_rate": 3e-3, "batch": 2}
    options["action_share"] = 1.0  # the videos are noise, whose loss is another
    assert train_vae(models[name], folders["clips"], tmp_path, progress=events.append, **options)
    assert [event["step"] for event in events] == list(range(1, 61))
    for event in events:
        assert event["loss"] == pytest.approx(event["l1"] + 0.5 * event["l2"] + 0.01 * event["kl"], rel=1e-5)
    mean = lambda some: sum(event["loss"] for event in some) / len(some)
    assert mean(events[-10:]) < 0.9 * mean(events[:10])


@BOTH
def test_a_run_that_was_stopped_goes_on_bit_by_bit(models, folders, tmp_path, name):
    run = lambda folder, **more: train_vae(models[name], folders["clips"], tmp_path / folder, part="both", **OPTIONS, **more)
    assert run("whole")
    assert run("stopped", progress=lambda event: event["step"] < 3) is False
    assert not (tmp_path / "stopped/vae.safetensors").exists()
    seen = []
    assert run("stopped", progress=seen.append) and [event["step"] for event in seen] == [4, 5, 6]
    whole, stopped = (load_tensors(tmp_path / folder / "vae.safetensors") for folder in ("whole", "stopped"))
    assert all(torch.equal(value, stopped[key]) for key, value in whole.items())


def test_a_checkpoint_of_another_run_is_refused(models, folders, tmp_path):
    train_vae(models["patch"], folders["clips"], tmp_path, **OPTIONS)
    with pytest.raises(aim.FormatError, match="checkpoint.safetensors: expected .*seed 5"):
        train_vae(models["patch"], folders["clips"], tmp_path, **{**OPTIONS, "seed": 5})


def test_the_model_itself_is_left_alone(folders, tmp_path):
    model = WorldModel.load(folders["patch"])
    generate = lambda: model.generate(tiny_world.pictures(), "reach", rig=tiny_world.rig(), seed=1).video
    before = generate()
    train_vae(model, folders["clips"], tmp_path, **OPTIONS)
    assert (generate() == before).all()


def test_a_perceptual_loss_is_a_function_or_a_torchscript_file(models, folders, tmp_path):
    class Features(torch.nn.Module):
        def forward(self, x):
            return x[..., 1:] - x[..., :-1]

    torch.jit.script(Features()).save(str(tmp_path / "features.pt"))
    compared = lambda a, b: (Features()(a) - Features()(b)).square().mean()
    options = {**OPTIONS, "l1": 0.0, "perceptual_weight": 2.0}
    events = []
    train_vae(models["patch"], folders["clips"], tmp_path / "a", perceptual=compared, progress=events.append, **options)
    train_vae(models["patch"], folders["clips"], tmp_path / "b", perceptual=tmp_path / "features.pt", **options)
    assert all(event["loss"] == pytest.approx(2.0 * event["perceptual"]) for event in events)
    by_function, by_file = (load_tensors(tmp_path / folder / "vae.safetensors") for folder in "ab")
    for key, value in by_function.items():
        torch.testing.assert_close(by_file[key], value)


def test_what_a_perceptual_loss_raises_ends_the_training(models, folders, tmp_path):
    def fails(decoded, given):
        raise KeyError("no features")

    with pytest.raises(KeyError, match="no features"):
        train_vae(models["patch"], folders["clips"], tmp_path, perceptual=fails, perceptual_weight=1.0, **OPTIONS)


@pytest.mark.parametrize(
    "options, expected",
    [({"width": 3}, 'documented keys only, got "width"'), ({"steps": 0}, "steps: expected 1 or more, got 0"),
     ({"part": "middle"}, "options.part: expected one of encoder, decoder, both"),
     ({"l1": 0.0}, "expected a weight above 0, got none"), ({"threads": 0}, "threads: expected 1..256"),
     ({"l1": 0.0, "kl": 1.0}, "above 0 for a decoder, which kl does not reach"),
     ({"perceptual_weight": 1.0}, "perceptual: expected a function"), ({"frames": 4}, "expected")],
    ids=str,
)  # fmt: skip
def test_options_out_of_range_are_refused(models, folders, tmp_path, options, expected):
    with pytest.raises(ValueError, match=expected):
        train_vae(models["patch"], folders["clips"], tmp_path, **options)


def test_it_reads_any_data_set_and_goes_on_bit_by_bit(models, tmp_path):
    sets = [(episodes(3), 1.0), (episodes(2, with_actions=False), 1.0)]
    run = lambda folder, **more: train_vae(
        models["wan"], sets, tmp_path / folder, part="both", **{**OPTIONS, "batch": 3, "frames": 9, **more}
    )
    assert run("whole") and run("one", threads=1)
    assert run("stopped", progress=lambda event: event["step"] < 4) is False and run("stopped")
    whole, one, stopped = (load_tensors(tmp_path / folder / "vae.safetensors") for folder in ("whole", "one", "stopped"))
    assert all(torch.equal(value, one[key]) and torch.equal(value, stopped[key]) for key, value in whole.items())


def test_data_that_cannot_be_read_are_refused(models, tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        train_vae(models["patch"], tmp_path / "nowhere", tmp_path / "out", **OPTIONS)
    with pytest.raises(aim.FormatError, match="no such picture"):
        train_vae(models["patch"], Broken(), tmp_path / "out", **OPTIONS)


def test_the_command_line_trains_and_goes_on(folders, tmp_path, command_line):
    (tmp_path / "options.json").write_text(json.dumps({"learning_rate": 1e-3, "part": "both"}))
    arguments = ["--model", folders["patch"], "--data", folders["clips"], "--config", tmp_path / "options.json"]
    first = command_line("train-vae", *arguments, "--steps", 2, "--out", tmp_path / "out")
    assert first.code == 0 and "vae.safetensors: trained" in first.out, first
    more = command_line("train-vae", *arguments, "--steps", 3, "--out", tmp_path / "out", "--quiet")
    assert more.code == 0 and more.out == "", more
