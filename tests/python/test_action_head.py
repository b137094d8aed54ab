# SPDX-License-Identifier: Apache-2.0
"""The action head: what an untrained one leaves, what a trained one learns, its file, and where it does not fit."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the action head needs torch")
Rotation = pytest.importorskip("scipy.spatial.transform", reason="the angles are checked with scipy").Rotation

import action_images as aim
import data_episodes
import tiny_world
from action_images import data
from action_images.model import ActionHead, WorldModel, load_tensors, save_tensors, train_action_head

CONFIG = {"views": 2, "channels": tiny_world.CHANNELS, "latent_pool": 2, "hidden": 32, "layers": 2}
GENERATION = {"rig": tiny_world.rig(), "task": "i2va", "seed": 3}


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


def fresh(seed=0, **config):
    head = ActionHead({**CONFIG, **config})
    head.initialize(seed)
    return head


def random_head(seed=1):
    """A head whose last layer is not zero."""
    head, random = fresh(), torch.Generator().manual_seed(seed)
    head.load_state_dict({
        name: 0.3 * torch.randn(value.shape, generator=random) for name, value in head.state_dict().items()
    })
    return head


def clip(seed=0):
    """Random latents, and a motion as if it had been decoded."""
    latents = torch.randn(tiny_world.CHANNELS, 8, 4, 4, generator=torch.Generator().manual_seed(seed))
    return {"latents": latents, "rig": tiny_world.rig(), "actions": tiny_world.actions(), "confidence": [0.9] * 5}


def rotations(actions):
    """(T, 3, 3)"""
    return Rotation.from_euler("xyz", actions[:, 3:6]).as_matrix()


def test_an_untrained_head_leaves_the_decoded_actions():
    given = clip()
    got = fresh().predict(**given)
    np.testing.assert_allclose(got[:, [0, 1, 2, 6]], given["actions"][:, [0, 1, 2, 6]], atol=1e-6)
    np.testing.assert_allclose(rotations(got), rotations(given["actions"]), atol=1e-6)


def test_what_it_adds_does_not_depend_on_where_the_world_is():
    head, given = random_head(), clip()
    turn = Rotation.from_euler("xyz", [0.3, -0.8, 1.9]).as_matrix()
    shift = np.array([2.0, -1.0, 0.5])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, shift
    cameras = [
        aim.Camera(
            intrinsics=camera.intrinsics, world_from_camera=pose @ camera.world_from_camera,
            width=camera.width, height=camera.height,
        )  # fmt: skip
        for camera in given["rig"]
    ]
    moved = given["actions"].copy()
    moved[:, :3] = moved[:, :3] @ turn.T + shift
    moved[:, 3:6] = Rotation.from_matrix(turn @ rotations(moved)).as_euler("xyz")
    here = head.predict(**given)
    there = head.predict(**{**given, "rig": aim.Rig(cameras), "actions": moved})
    assert np.abs(here - given["actions"]).max() > 0.01
    np.testing.assert_allclose(there[:, :3], here[:, :3] @ turn.T + shift, atol=1e-5)
    np.testing.assert_allclose(rotations(there), turn @ rotations(here), atol=1e-5)
    np.testing.assert_allclose(there[:, 6], here[:, 6], atol=1e-5)


def test_frames_that_could_not_be_decoded_get_an_action_too():
    given = clip()
    given["actions"][2] = np.nan
    given["confidence"][2] = 0.0
    got = random_head().predict(**given)
    assert np.isfinite(got).all() and (0 <= got[:, 6]).all() and (got[:, 6] <= 1).all()


def test_generate_gives_what_the_head_makes_of_its_own_latents(model, tmp_path):
    head = random_head()
    plain = model.generate(tiny_world.pictures(), "reach", **GENERATION)
    corrected = model.generate(tiny_world.pictures(), "reach", action_head=head, **GENERATION)
    assert torch.equal(plain.latents, corrected.latents)
    wanted = head.predict(plain.latents, plain.rig, plain.actions, plain.confidence)
    np.testing.assert_array_equal(corrected.actions, wanted)
    np.testing.assert_allclose(corrected.points[:, 0], wanted[:, :3])
    assert corrected.settings["action_head"] is True and plain.settings["action_head"] is False
    head.save(tmp_path / "head.safetensors")
    from_file = model.generate(
        tiny_world.pictures(), "reach", action_head=tmp_path / "head.safetensors", **GENERATION
    )
    np.testing.assert_array_equal(from_file.actions, wanted)


def test_the_file_holds_config_and_weights(tmp_path):
    head = random_head()
    head.save(tmp_path / "head.safetensors")
    again = ActionHead.load(tmp_path / "head.safetensors")
    assert again.config == head.config and again.config["hidden"] == 32
    assert all(torch.equal(value, head.state_dict()[name]) for name, value in again.state_dict().items())


def test_files_of_something_else_or_damaged_ones_are_refused(tmp_path):
    head = random_head()
    head.save(tmp_path / "head.safetensors")
    tensors = load_tensors(tmp_path / "head.safetensors")
    save_tensors(tmp_path / "bare.safetensors", tensors)
    with pytest.raises(aim.FormatError, match="expected a file of format action-images-action-head, version 1"):
        ActionHead.load(tmp_path / "bare.safetensors")
    metadata = {"format": "action-images-action-head", "version": "1", "config": json.dumps(head.config)}
    tensors.pop("out.bias")
    save_tensors(tmp_path / "short.safetensors", tensors, metadata)
    with pytest.raises(aim.FormatError, match=r"missing \(1\): out.bias"):
        ActionHead.load(tmp_path / "short.safetensors")
    save_tensors(tmp_path / "odd.safetensors", tensors, {**metadata, "config": '{"width": 3}'})
    with pytest.raises(aim.FormatError, match='documented keys only, got "width"'):
        ActionHead.load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    "config, expected",
    [({"views": 3}, "2 views, got 3"), ({"channels": 9}, "8 latent channels, got 9"),
     ({"temporal_stride": 2}, "4 frames a latent frame, got 2")],
)  # fmt: skip
def test_a_head_of_other_sizes_is_refused_before_anything_is_generated(model, config, expected):
    with pytest.raises(ValueError, match=f"action_head: expected one of {expected}"):
        model.generate(
            tiny_world.pictures(), "reach", action_head=fresh(**config),
            progress=lambda *_: pytest.fail("a step was made"), **GENERATION
        )  # fmt: skip


def test_a_head_for_tasks_that_generate_no_actions_is_refused(model):
    with pytest.raises(ValueError, match="action_head: expected none for a task that generates no actions, got i2v"):
        model.generate(tiny_world.pictures(), "reach", rig=tiny_world.rig(), task="i2v", action_head=fresh())
    with pytest.raises(ValueError, match="action_head: expected an ActionHead or a path, got int"):
        model.generate(tiny_world.pictures(), "reach", action_head=3, **GENERATION)


@pytest.mark.parametrize("name", ["latents", "rig", "actions", "confidence"])
def test_inputs_of_other_sizes_are_refused_by_name(name):
    wrong = {
        "latents": torch.zeros(tiny_world.CHANNELS, 7, 4, 4),
        "rig": aim.Rig(list(tiny_world.rig())[:1]),
        "actions": tiny_world.actions(4),
        "confidence": [1.0] * 4,
    }
    said = {"actions": "decoded"}.get(name, name)
    with pytest.raises(ValueError, match=f"{said}: expected"):
        fresh().predict(**{**clip(), name: wrong[name]})


def write_clips(folder, count=6):
    """Random pictures with a motion for each."""
    folder.mkdir()
    random = np.random.default_rng(0)
    cameras = list(tiny_world.rig())
    size, frames = tiny_world.SIZE, tiny_world.FRAMES
    actions = np.stack([tiny_world.actions() + [*random.normal(0, 0.05, 6), 0.0] for _ in range(count)])
    actions[..., 6] = actions[..., 6].clip(0, 1)
    tensors = {
        "video": random.integers(0, 256, (count, 2, frames, size, size, 3), dtype=np.uint8),
        "actions": actions.astype(np.float32),
        "intrinsics": np.stack([[camera.intrinsics for camera in cameras]] * count).astype(np.float32),
        "world_from_camera": np.stack([[camera.world_from_camera for camera in cameras]] * count).astype(np.float32),
    }
    metadata = {"format": "action-images-clips", "version": "1", "texts": json.dumps(["reach"] * count)}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in tensors.items()}
    save_tensors(folder / "shard-00000.safetensors", tensors, metadata)
    return tensors


OPTIONS = {"steps": 1000, "hidden": 64, "layers": 2, "latent_pool": 2, "seed": 5}


def test_a_head_overfits_a_few_clips_and_the_same_seed_gives_the_same_head(model, tmp_path):
    clips = write_clips(tmp_path / "clips")
    events = []
    head = train_action_head(model, tmp_path / "clips", progress=lambda *event: events.append(event), **OPTIONS)
    assert [event[:3] for event in events[:6]] == [("clips", done, 6) for done in range(1, 7)]
    losses = [loss for stage, _, _, loss in events if stage == "steps"]
    assert len(losses) == 1000 and losses[-1] < 0.02 * losses[0]
    pictures = [view[0].numpy() for view in clips["video"][2]]
    rollout = model.generate(pictures, "reach", rig=tiny_world.rig(), frames=5, seed=5 + 2, action_head=head)
    recorded = clips["actions"][2].numpy().astype(float)
    assert np.linalg.norm(rollout.actions[:, :3] - recorded[:, :3], axis=1).max() < 0.01
    angle = np.arccos(np.clip((np.einsum("tij,tij->t", rotations(rollout.actions), rotations(recorded)) - 1) / 2, -1, 1))
    assert np.degrees(angle).max() < 5.0
    again = train_action_head(model, tmp_path / "clips", **OPTIONS)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in head.state_dict().items())


def test_a_cache_gives_the_same_head_and_is_not_used_for_another_seed(model, tmp_path):
    write_clips(tmp_path / "clips")
    options = {**OPTIONS, "steps": 3, "cache": tmp_path / "cache"}
    written = tmp_path / "cache" / "action-head-0.safetensors"
    head = train_action_head(model, tmp_path / "clips", **options)
    first = written.read_bytes()
    again = train_action_head(model, tmp_path / "clips", **options)
    assert written.read_bytes() == first
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in head.state_dict().items())
    train_action_head(model, tmp_path / "clips", **{**options, "seed": 6})
    assert written.read_bytes() != first


def episodes(count=5, with_actions=True):
    """Longer than the model's clips, of three views and other sizes."""
    return [data_episodes.episode(12, ((24, 32),) * 3, f"episode {i}", with_actions=with_actions) for i in range(count)]


@pytest.mark.parametrize("given", ["episodes", "pairs", "spec", "folder"])
def test_it_learns_from_whatever_is_a_data_set(model, tmp_path, given):
    folder = tmp_path / "native"
    data.write_native(episodes(), folder)
    sets = {"episodes": episodes(), "pairs": [(episodes(2), 1.0), (episodes(3), 2.0)], "spec": f"native:{folder}@2", "folder": folder}
    events = []
    options = {**OPTIONS, "steps": 2, "views": 2}
    head = train_action_head(model, sets[given], progress=lambda *event: events.append(event), **options)
    assert head.config["views"] == 2
    assert [event[:3] for event in events[:5]] == [("clips", done, 5) for done in range(1, 6)]
    drawn = train_action_head(model, sets[given], **{**options, "clips": 7})
    assert not torch.equal(drawn.state_dict()["out.bias"], head.state_dict()["out.bias"])


def test_a_cache_of_a_run_that_was_stopped_is_gone_on_with(model, tmp_path):
    options = {**OPTIONS, "steps": 1, "views": 2, "clips": 18, "cache": tmp_path}
    assert train_action_head(model, episodes(), progress=lambda stage, done, *_: done < 17, **options) is None
    before = (tmp_path / "action-head-0.safetensors").stat().st_mtime_ns
    events = []
    head = train_action_head(model, episodes(), progress=lambda *event: events.append(event[:3]), **options)
    assert events == [("clips", 16, 18), ("clips", 17, 18), ("clips", 18, 18), ("steps", 1, 1)]
    assert (tmp_path / "action-head-0.safetensors").stat().st_mtime_ns == before
    whole = train_action_head(model, episodes(), **{**options, "cache": tmp_path / "other"})
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in head.state_dict().items())


def test_data_without_actions_or_with_other_views_are_refused(model):
    with pytest.raises(ValueError, match="data: expected episodes with actions, got episode 0, which has none"):
        train_action_head(model, episodes(with_actions=False), views=2, **OPTIONS)
    with pytest.raises(ValueError, match="expected 2"):
        train_action_head(model, episodes(), **OPTIONS)


def test_training_stops_when_it_is_told_to_and_refuses_wrong_options(model, tmp_path):
    write_clips(tmp_path / "clips")
    stop = lambda stage, done, total, loss: stage == "clips"
    assert train_action_head(model, tmp_path / "clips", progress=stop, **OPTIONS) is None
    with pytest.raises(aim.FormatError, match='documented keys only, got "width"'):
        train_action_head(model, tmp_path / "clips", width=3)
    with pytest.raises(ValueError, match="steps: expected 1 or more, got 0"):
        train_action_head(model, tmp_path / "clips", steps=0)
    with pytest.raises(ValueError, match="model: expected a WorldModel, got int"):
        train_action_head(3, tmp_path / "clips")


def test_the_command_line_trains_a_head_that_generate_takes(tiny_model, tiny_scene, tmp_path, command_line):
    write_clips(tmp_path / "clips")
    head = tmp_path / "action_head.safetensors"
    (tmp_path / "options.json").write_text(json.dumps({**OPTIONS, "steps": 100}))
    trained = command_line(
        "train-action-head", "--model", tiny_model, "--data", tmp_path / "clips", "--config", tmp_path / "options.json",
        "--steps", 5, "--out", head,
    )  # fmt: skip
    assert trained.code == 0 and "parameters" in trained.out, trained
    assert ActionHead.load(head).config["hidden"] == 64
    made = command_line(
        "generate", "--model", tiny_model, "--images", tiny_scene / "view_0.png", tiny_scene / "view_1.png",
        "--rig", tiny_scene / "rig.json", "--prompt", "reach", "--action-head", head, "--out", tmp_path / "out",
    )  # fmt: skip
    assert made.code == 0, made
    assert json.loads((tmp_path / "out/rollout.json").read_text())["settings"]["action_head"] is True
