# SPDX-License-Identifier: Apache-2.0
"""Bad input to world models: typed errors that name the argument, what was expected and what came."""

import json
import os
import shutil
import struct

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_world  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import WorldModel, check_train_config, load_tensors, read_image, save_tensors, train  # noqa: E402

PROMPT = "reach the red block"
WHERE = r"\[world::WorldModel::generate\] "


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


def generate(model, images=None, prompt=PROMPT, **options):
    images = tiny_world.pictures() if images is None else images
    return model.generate(images, prompt, **{"rig": tiny_world.rig(), **options})


def with_nan(values, place=(0, 0)):
    values = np.array(values, dtype=float)
    values[place] = np.nan
    return values


ACTIONS = tiny_world.actions()

OPTIONS = [
    ({"task": "fly"}, ValueError, r"task: expected i2va, a2v, v2a, i2v or i2a, got \"fly\""),
    ({"prompt": ""}, ValueError, "prompt: expected an instruction, got an empty text"),
    ({"prompt": " \t\n"}, ValueError, "prompt: expected an instruction, got an empty text"),
    ({"prompt": "reach the block " * 20}, ValueError, "prompt: expected at most 12 tokens"),
    ({"prompt": b"bytes"}, ValueError, "prompt: expected a text, got bytes"),
    ({"prompt": None}, ValueError, "prompt: expected a text, got NoneType"),
    ({"frames": 6}, aim.ShapeError, r"frames: expected 4k \+ 1"),
    ({"frames": 1}, aim.ShapeError, r"frames: expected 4k \+ 1"),
    ({"frames": 0}, ValueError, "frames: expected a whole number from 1"),
    ({"frames": 5.0}, ValueError, r"frames: expected a whole number .* got 5.0"),
    ({"frames": 10**9 + 1}, aim.ShapeError, r"frames: expected 4k \+ 1, from 5 to 1025"),
    ({"steps": 0}, ValueError, "steps: expected a whole number from 1 to 10000, got 0"),
    ({"steps": 2.5}, ValueError, "steps: expected a whole number"),
    ({"seed": -1}, ValueError, "seed: expected a whole number"),
    ({"seed": 2**64}, ValueError, "seed: expected a whole number"),
    ({"guidance": float("nan")}, ValueError, "guidance: expected a number >= 0"),
    ({"guidance": -1.0}, ValueError, "guidance: expected a number >= 0"),
    ({"guidance": "much"}, ValueError, "guidance: expected a number"),
    ({"shift": 0.0}, ValueError, "shift: expected a positive number"),
    ({"shift": float("inf")}, ValueError, "shift: expected a positive number"),
    ({"rig": "rig.json"}, ValueError, "rig: expected an action_images.Rig, got str"),
    ({"rig": aim.Rig(list(tiny_world.rig()) * 2)}, aim.ShapeError, "images: expected 4, one for each camera"),
    ({"task": "a2v"}, ValueError, "actions: expected a trajectory for task a2v, got none"),
    ({"task": "a2v", "actions": np.zeros((5, 6))}, aim.ShapeError, r"actions: expected \(T, 7\), got \(5, 6\)"),
    ({"task": "a2v", "actions": np.zeros(7)}, aim.ShapeError, r"actions: expected \(T, 7\), got \(7,\)"),
    ({"task": "a2v", "actions": ACTIONS[:4]}, aim.ShapeError, r"frames: expected 4k \+ 1"),
    ({"task": "a2v", "actions": ACTIONS, "frames": 9}, aim.ShapeError, r"actions: expected 9 frames, got \(5,\)"),
    ({"task": "a2v", "actions": with_nan(ACTIONS)}, ValueError, "finite"),
    ({"task": "a2v", "actions": ACTIONS + [0, 0, 0, 0, 0, 0, 2]}, ValueError, r"openness"),
    ({"task": "a2v", "actions": [["x"] * 7] * 5}, ValueError, "actions: expected an array of numbers"),
    ({"actions": ACTIONS}, ValueError, "actions: expected none for task i2va"),
    ({"first_action": np.zeros(6)}, aim.ShapeError, r"first_action: expected \(7,\), got \(6,\)"),
    ({"first_action": with_nan(ACTIONS)[0]}, ValueError, "finite"),
    ({"videos": tiny_world.pictures(5)}, ValueError, "expected images and no videos for task i2va"),
    ({"task": "v2a"}, ValueError, "expected videos and no images for task v2a"),
    ({"negative_prompt": "none of this " * 20, "guidance": 2.0}, ValueError, "prompt: expected at most 12 tokens"),
]


@pytest.mark.parametrize("options, error, message", OPTIONS)
def test_wrong_options_are_refused_by_name(model, options, error, message):
    with pytest.raises(error, match=message) as raised:
        generate(model, **options)
    assert str(raised.value).startswith("[") and "\n" not in str(raised.value)


PICTURES = [
    (
        tiny_world.pictures()[:1],
        aim.ShapeError,
        WHERE + "images: expected 2, the views that the model was trained with, got 1",
    ),
    (tiny_world.pictures() + tiny_world.pictures(), aim.ShapeError, "images: expected 2, .* got 4"),
    ([], aim.ShapeError, "images: expected 2, .* got 0"),
    (
        [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 31, 3), np.uint8)],
        aim.ShapeError,
        r"images\[1\]: expected .* 32, 32",
    ),
    (
        [np.zeros((64, 64, 3), np.uint8)] * 2,
        aim.ShapeError,
        r"images\[0\]: expected height and width 32, 32 as the rig says",
    ),
    ([np.zeros((32, 32), np.uint8)] * 2, aim.ShapeError, r"images\[0\]: expected \(H, W, 3\)"),
    ([np.zeros((32, 32, 4), np.uint8)] * 2, aim.ShapeError, r"images\[0\]: expected \(H, W, 3\)"),
    (tiny_world.pictures(frames=5), aim.ShapeError, r"images\[0\]: expected one picture"),
    (
        [np.full((32, 32, 3), np.nan)] * 2,
        ValueError,
        r"images\[0\]: expected finite float64 pixels in \[0, 1\], got NaN",
    ),
    (
        [np.full((32, 32, 3), 7.0, np.float32)] * 2,
        ValueError,
        r"images\[0\]: expected float32 pixels in \[0, 1\], got 7 to 7",
    ),
    ([np.zeros((32, 32, 3), np.int64)] * 2, ValueError, r"images\[0\]: expected .* dtype uint8, .* got dtype int64"),
    ([np.zeros((32, 32, 3), object)] * 2, ValueError, "got dtype object"),
    ([None, None], ValueError, "got dtype object"),
    ("view_0.png", ValueError, "images: expected a list with one for each view, got str"),
    (7, ValueError, "images: expected a list with one for each view, got int"),
    (["nowhere.png", "nowhere.png"], aim.FormatError, "nowhere.png"),
]


@pytest.mark.parametrize("images, error, message", PICTURES)
def test_wrong_pictures_are_refused_by_name(model, images, error, message):
    with pytest.raises(error, match=message):
        generate(model, images)


@pytest.mark.parametrize("frames", [4, 1, 7])
def test_videos_need_4k_plus_1_frames(model, frames):
    with pytest.raises(aim.ShapeError, match=r"frames: expected 4k \+ 1"):
        model.generate(None, rig=tiny_world.rig(), task="v2a", videos=tiny_world.pictures(frames=frames))


def test_videos_of_different_length_are_refused(model):
    videos = [tiny_world.pictures(5)[0], tiny_world.pictures(9)[1]]
    with pytest.raises(aim.ShapeError, match=r"images\[1\]: expected 5 frames"):
        model.generate(None, rig=tiny_world.rig(), task="v2a", videos=videos)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_pictures_that_are_cut_short_are_refused(model, tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for suffix in ("png", "jpg"):
        path = tmp_path / f"cut.{suffix}"
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(aim.FormatError, match=path.name):
            read_image(path)
        with pytest.raises(aim.FormatError, match=path.name):
            generate(model, [path, path])


def test_a_lazy_pil_image_that_is_cut_short_is_refused(model, tmp_path):
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(aim.FormatError, match=r"images\[0\]: expected a complete picture"):
        generate(model, [Image.open(path)] * 2)


def test_cameras_that_cannot_be_are_refused():
    good = {"intrinsics": np.array([[32.0, 0, 16], [0, 32, 16], [0, 0, 1]]), "world_from_camera": np.eye(4)}
    singular = np.diag([1.0, 0.0, 1.0])
    stretched = np.diag([2.0, 1.0, 1.0, 1.0])
    for name, wrong in [
        ("intrinsics", singular),
        ("intrinsics", with_nan(good["intrinsics"])),
        ("world_from_camera", stretched),
        ("world_from_camera", with_nan(np.eye(4))),
        ("world_from_camera", np.zeros((4, 4))),
    ]:
        with pytest.raises(ValueError, match=name):
            aim.Camera(**{**good, name: wrong}, width=32, height=32)


# -- model folders ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tiny_model, tmp_path):
    """A copy of the tiny model that may be damaged."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def change_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.model"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(aim.FormatError, match=rf"expected a folder with {name}, got .*model"):
        WorldModel.load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.model"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_that_is_cut_short_is_named(folder, name, share):
    contents = (folder / name).read_bytes()
    (folder / name).write_bytes(contents[: int(share * len(contents))])
    with pytest.raises(aim.FormatError, match=name):
        WorldModel.load(folder)


def test_a_header_that_claims_more_than_the_file_has_is_refused(folder):
    contents = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + contents[8:])
    with pytest.raises(aim.FormatError, match="model.safetensors: header"):
        WorldModel.load(folder)


def test_all_tensors_that_do_not_fit_are_listed(folder):
    tensors = load_tensors(folder / "model.safetensors")
    names = [name for name in tensors if name.startswith("transformer.")]
    tensors[names[1]] = torch.zeros(3, 5, 7)
    del tensors[names[0]]
    tensors["transformer.nobody.weight"] = torch.zeros(2)
    save_tensors(folder / "other.safetensors", tensors)
    os.replace(folder / "other.safetensors", folder / "model.safetensors")
    with pytest.raises(aim.FormatError) as error:
        WorldModel.load(folder)
    for name in (names[0], names[1], "transformer.nobody.weight"):
        assert name.removeprefix("transformer.") in str(error.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"wings": 2}, "wings"),
        ({"format": "another"}, "format: expected action-images-model"),
        ({"frames": 8}, r"frames: expected 4k \+ 1"),
        ({"frames": "many"}, "frames"),
        ({"views": -1}, "views: expected 0..16"),
        ({"height": 0}, "height, width: expected 8..8192"),
        ({"prediction": "dream"}, "config.prediction: expected one of velocity"),
        ({"sampling": {"steps": 0}}, "sampling.steps: expected 1..10000"),
        ({"sampling": {"speed": 1}}, 'sampling: expected documented keys only, got "speed"'),
        ({"transformer": {"wings": 1}}, "wings"),
        ({"transformer": {"dim": 0}}, "dim: expected a positive number"),
        ({"vae": {"kind": "magic"}}, 'kind: expected "patch"'),
        ({"vae": 7}, "vae|kind"),
        ({"codec": {"convention": "mine"}}, "codec.convention: expected one of paper, release"),
    ],
)
def test_wrong_keys_of_the_config_are_named(folder, changes, message):
    change_config(folder, **changes)
    with pytest.raises(ValueError, match=message):
        WorldModel.load(folder)


@pytest.mark.parametrize("sigma", [1e300, 65537.0])
def test_gaussians_of_a_size_beyond_all_pictures_are_refused(folder, sigma):
    change_config(folder, codec={"sigma": sigma})
    with pytest.raises(ValueError):
        generate(WorldModel.load(folder))


@pytest.mark.parametrize("size", [2**40, 2**62])
def test_a_config_larger_than_memory_and_than_its_weights_is_an_error_of_one_line(folder, size):
    config = json.loads((folder / "config.json").read_text())
    change_config(folder, transformer={**config["transformer"], "ffn_dim": size})
    with pytest.raises((MemoryError, aim.FormatError), match="memory: expected enough of it|ffn.0.weight expected"):
        WorldModel.load(folder)


def test_a_name_that_is_not_known_says_what_is():
    with pytest.raises(ValueError, match=r'\[model::WorldModel.load\] model: expected .*"embedded".*, got "imaginary"'):
        WorldModel.load("imaginary")


def test_a_failing_save_leaves_the_old_results_as_they_were(model, tmp_path, monkeypatch):
    from action_images.presentation import save

    out = tmp_path / "out"
    out.mkdir()
    (out / "rollout.json").write_text("old")

    def failing(*_, **__):
        raise ValueError("no report")

    monkeypatch.setattr(save, "report_text", failing)
    with pytest.raises(ValueError, match="no report"):
        generate(model).save(out)
    assert os.listdir(tmp_path) == ["out"] and os.listdir(out) == ["rollout.json"]
    assert (out / "rollout.json").read_text() == "old"


# -- training ---------------------------------------------------------------------------------------------------------

TRAINING = {"model": tiny_world.CONFIG, "phases": [{"steps": 1, "batch": 1}], "tokenizer": str(tiny_world.TOKENIZER)}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"wings": 1}, "wings"),
        ({"phases": []}, "max_steps: expected a positive number, or phases"),
        ({"phases": [{"steps": 0}]}, r"phases\[\].steps, batch: expected positive numbers"),
        ({"phases": [{"tasks": {"fly": 1.0}}]}, "task: expected i2va"),
        ({"phases": [{"tasks": {}}]}, "tasks: expected at least one"),
        ({"phases": 3}, r"phases\[\]: expected an object"),
        ({"log_every_n_steps": 0}, "log_every_n_steps: expected a positive number"),
        ({"checkpoint_every_n_steps": -1}, "checkpoint_every_n_steps: expected a positive number"),
        ({"validate_every_n_steps": 0}, "validate_every_n_steps: expected a positive number"),
        ({"text_dropout": 2}, "text_dropout: expected a number from 0 to 1"),
        ({"synonyms": {"block": []}}, "synonyms.block: expected alternatives"),
        ({"optimizer": {"wings": 1}}, "wings"),
        ({"model": {"frames": 8}}, r"frames: expected 4k \+ 1"),
        ({"ema": "often"}, "config.ema"),
    ],
)
def test_wrong_training_configs_are_refused_by_key(changes, message):
    check_train_config(TRAINING)
    with pytest.raises(ValueError, match=message):
        check_train_config({**TRAINING, **changes})


def test_training_without_data_or_tokenizer_names_them(tmp_path):
    with pytest.raises(aim.FormatError, match="nowhere: expected a folder"):
        train({**TRAINING, "dataset_path": str(tmp_path / "nowhere")}, tmp_path / "out")
    with pytest.raises(aim.FormatError, match="nowhere.model"):
        train({**TRAINING, "dataset_path": "synthetic:?frames=5", "tokenizer": str(tmp_path / "nowhere.model")}, tmp_path / "out")
