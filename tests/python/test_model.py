# SPDX-License-Identifier: Apache-2.0
"""World models in Python: loading, the tasks, what may be given, and that equal seeds give equal bits."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_world  # noqa: E402
from tiny_world import FRAMES, SIZE, VIEWS  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.model import Rollout, WorldModel, embedded_models, load_tensors, save_tensors  # noqa: E402

PROMPT = "reach the red block"
SHAPE = (VIEWS, FRAMES, SIZE, SIZE, 3)


@pytest.fixture(scope="module")
def model(tiny_model):
    return WorldModel.load(tiny_model)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def plan(model, seed=0, **options):
    return model.generate(tiny_world.pictures(), PROMPT, rig=tiny_world.rig(), seed=seed, **options)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name != "video" and name != "action_images")
        for name in ("video", "action_images", "actions", "points", "confidence")
    )


def test_a_plan_has_the_documented_arrays(model):
    rollout = plan(model)
    assert isinstance(rollout, Rollout) and rollout.task == "i2va" and rollout.prompt == PROMPT
    assert rollout.video.shape == rollout.action_images.shape == SHAPE
    assert rollout.video.dtype == rollout.action_images.dtype == np.uint8
    assert rollout.actions.shape == (FRAMES, 7) and rollout.points.shape == (FRAMES, 3, 3)
    assert rollout.confidence.shape == (FRAMES,) and ((0 <= rollout.confidence) & (rollout.confidence <= 1)).all()
    assert rollout.settings["steps"] == 2 and rollout.settings["model"] == "tiny"
    assert set(rollout.timings) >= {"encode", "sample"} and all(seconds >= 0 for seconds in rollout.timings.values())
    assert repr(rollout) == "Rollout(i2va, 'reach the red block': 2 views, 5 frames, 32 x 32 px)"


def test_the_rig_of_a_rollout_is_that_of_its_pictures(model):
    large = aim.Rig([tiny_world.camera_at((0.6, 0.5, 0.6), 80), tiny_world.camera_at((0.6, -0.5, 0.6), 80)])
    rollout = model.generate([np.zeros((80, 80, 3), np.uint8)] * 2, PROMPT, rig=large)
    assert rollout.rig.width == rollout.rig.height == SIZE
    assert np.allclose(rollout.rig.intrinsics, large.center_crop_resize(SIZE, SIZE).intrinsics)
    assert np.allclose(rollout.rig.world_from_camera, large.world_from_camera)


def test_simulated_actions_come_back_out_of_their_action_images(model):
    actions = tiny_world.actions()
    rollout = plan(model, task="a2v", actions=actions)
    assert np.abs(rollout.actions[:, :3] - actions[:, :3]).max() < 2e-3 and (rollout.confidence > 0.9).all()


def test_labelling_gives_back_the_video(model):
    videos = tiny_world.pictures(frames=FRAMES)
    rollout = model.generate(None, rig=tiny_world.rig(), task="v2a", videos=videos)
    assert np.array_equal(rollout.video, videos) and rollout.action_images.shape == SHAPE


def test_plain_video_has_no_actions(model):
    rollout = plan(model, task="i2v")
    assert rollout.video.shape == SHAPE
    assert rollout.action_images is rollout.actions is rollout.points is rollout.confidence is None


def test_pictures_may_be_arrays_floats_tensors_pil_images_or_paths(model, tmp_path):
    pictures = tiny_world.pictures()
    paths = [tmp_path / f"{view}.png" for view in range(VIEWS)]
    for path, picture in zip(paths, pictures):
        Image.fromarray(picture).save(path)
    reference = plan(model)
    for given in (
        np.stack(pictures),
        [picture / 255.0 for picture in pictures],
        [(picture / 255.0).astype(np.float32) for picture in pictures],
        [torch.from_numpy(picture) for picture in pictures],
        [Image.fromarray(picture) for picture in pictures],
        [Image.open(path).convert("RGBA") for path in paths],
        paths,
        [str(path) for path in paths],
        (picture for picture in pictures),
    ):
        assert same(model.generate(given, PROMPT, rig=tiny_world.rig()), reference)


def test_equal_seeds_give_equal_bits_and_others_do_not(model, one_thread):
    assert same(plan(model, seed=3), plan(model, seed=3))
    assert not np.array_equal(plan(model, seed=3).video, plan(model, seed=4).video)


def test_concurrent_requests_give_the_bits_of_sequential_ones(model, one_thread):
    seeds = list(range(6)) * 2
    sequential = [plan(model, seed=seed, steps=4) for seed in seeds]
    with ThreadPoolExecutor(2) as threads:
        concurrent = list(threads.map(lambda seed: plan(model, seed=seed, steps=4), seeds))
    assert all(same(a, b) for a, b in zip(sequential, concurrent))


def test_a_model_loaded_again_gives_the_same_bits(model, tiny_model):
    assert same(plan(WorldModel.load(str(tiny_model)), seed=1), plan(model, seed=1))


def test_torchs_global_random_state_plays_no_part(model):
    torch.manual_seed(1)
    first = plan(model)
    torch.manual_seed(2)
    assert same(first, plan(model))


def test_progress_is_told_after_every_step(model):
    told = []
    plan(model, steps=3, progress=lambda done, steps: told.append((done, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_exception_in_progress_ends_the_generation(model):
    class Enough(Exception):
        pass

    def progress(done, steps):
        raise Enough

    with pytest.raises(Enough):
        plan(model, progress=progress)


def test_config_is_a_copy(model):
    model.config["frames"] = 1
    assert model.config["frames"] == FRAMES and repr(model) == "WorldModel('tiny': 2 views, 5 frames, 32 x 32 px)"


def test_other_frame_counts_than_the_models_can_be_asked_for(model):
    assert plan(model, frames=9).video.shape == (VIEWS, 9, SIZE, SIZE, 3)


def test_guidance_and_the_first_action_change_the_result(model):
    reference = plan(model, seed=1)
    assert not np.array_equal(plan(model, seed=1, guidance=3.0).video, reference.video)
    known = plan(model, seed=1, first_action=tiny_world.actions()[0])
    assert known.settings["first_action_known"] and not np.array_equal(known.action_images, reference.action_images)


def test_a_saved_rollout_is_a_folder_with_a_report(model, tmp_path):
    pytest.importorskip("plotly")
    names = plan(model, task="a2v", actions=tiny_world.actions()).save(tmp_path / "out", goal=[0, 0, 0.1])
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert {"report.html", "rollout.json", "trajectory.csv", "contact_sheet.png", "view_0_panel.mp4"} <= set(names)


def test_notebooks_show_the_contact_sheet_and_a_player(model):
    rollout = plan(model)
    page = rollout._repr_html_()
    assert 'src="data:image/png;base64,' in page and 'src="data:video/mp4;base64,' in page
    assert rollout._repr_png_().startswith(b"\x89PNG")


def test_a_model_folder_survives_saving_its_tensors(model, tiny_model, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "tokenizer.model"):
        (copy / name).write_bytes((tiny_model / name).read_bytes())
    save_tensors(copy / "model.safetensors", load_tensors(tiny_model / "model.safetensors"))
    (copy / "config.json").write_text(json.dumps(model.config))
    assert same(plan(WorldModel.load(copy)), plan(model))


def test_without_torch_the_import_says_in_one_sentence_what_to_do():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n  import action_images.model\nexcept ImportError as error:\n  print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == (
        "action_images.model needs torch: pip install torch, then pip install --no-build-isolation action-images\n"
    )


def test_every_public_name_is_documented():
    from action_images import model as module

    assert all(getattr(module, name).__doc__ for name in module.__all__)


def test_the_stub_of_the_native_module_names_what_it_has():
    import ast
    import pathlib

    from action_images import _model

    def public(names):
        return {name for name in names if not name.startswith("_")}

    stub = ast.parse((pathlib.Path(aim.__file__).parent / "_model.pyi").read_text())
    declared = {node.name: node for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert public(declared) == public(dir(_model))
    for name, node in declared.items():
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            members = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
            assert public(members) <= public(dir(getattr(_model, name)))


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.skipif("embedded" not in embedded_models(), reason="the embedded weights are not installed")
def test_the_embedded_model_goes_to_the_block_that_it_is_told_to():
    pytest.importorskip("mujoco")
    from action_images.simulation import evaluate

    model = WorldModel.load("embedded")

    def policy(images, instruction, intrinsics, world_from_camera, seed):
        height, width, _ = images[0].shape
        cameras = [
            aim.Camera(intrinsics=k, world_from_camera=pose, width=width, height=height)
            for k, pose in zip(intrinsics, world_from_camera)
        ]
        return vars(model.generate(images, instruction, rig=aim.Rig(cameras), seed=seed))

    result = evaluate(policy, 24, progress=False)
    assert result["invalid"] == 0 and result["right_block"]["low"] > 1 / 3
