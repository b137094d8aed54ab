# SPDX-License-Identifier: Apache-2.0
"""`action-images generate` with the flags of the released implementation."""

import json

import numpy as np
import pytest
import tiny_vggt
import tiny_world

torch = pytest.importorskip("torch", reason="world models need torch")

import tiny_release  # noqa: E402

import action_images as aim  # noqa: E402
from action_images.cli import released, released_files  # noqa: E402
from action_images.model import WorldModel, read_video, write_video  # noqa: E402
from action_images.presentation.point_cloud_file import read_ply  # noqa: E402

PROMPT = "reach the red block"
SMALL = ("--height", 64, "--width", 64, "--num_frames", 5, "--num_inference_steps", 2, "--dtype", "float32")


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_scene):
    """The working folder: checkpoints/, ActionImages/, rig.json and two pictures."""
    tiny_release.write_release(tmp_path)
    for name in ("rig.json", "view_0.png", "view_1.png"):
        (tmp_path / name).write_bytes((tiny_scene / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return tmp_path


def arguments(*more, ckpt="ActionImages/checkpoint.ckpt", size=SMALL):
    pictures = ("--images", "view_0.png", "view_1.png", "--rig", "rig.json", "--prompt", PROMPT)
    return ("generate", "--ckpt_path", ckpt, *pictures, *size, *more)


def by_hand(seed, **options):
    model = WorldModel.load("ActionImages", config=tiny_release.WORLD)
    options = {"steps": 2, "guidance": 7.5, "seed": seed, "frames": 5, **options}
    return model.generate(["view_0.png", "view_1.png"], PROMPT, rig=tiny_world.rig(), **options)


def as_written(frames):
    """Frames as they come back from a file; videos are lossy."""
    write_video("expected.mp4", frames, fps=30, crf=14)
    return read_video("expected.mp4")


def test_planning_writes_every_sample_as_the_release_does_and_its_rollout(here, command_line):
    result = command_line(*arguments("--task_type", "i2va", "--visualize_actions"))
    assert result.code == 0, result.err
    output = here / "results/inference"
    for index in range(2):  # --num_samples is 2, their seeds 42 and 43
        name = f"reach_the_red_block_{index}"
        expected = by_hand(42 + index, task="i2va")
        video = read_video(output / f"video_{name}.mp4")
        assert video.shape == (5, 64, 2 * 3 * 64, 3)
        assert np.array_equal(video, as_written(released_files.side_by_side(expected.video, expected.action_images)))
        saved = output / f"sample_{index}"
        assert (saved / "report.html").exists() and (saved / "rollout.json").exists()
        actions = np.loadtxt(saved / "trajectory.csv", delimiter=",", skiprows=1)[:, :7]
        assert np.allclose(actions, expected.actions, atol=1e-9, equal_nan=True)
        assert (output / f"point_cloud_{name}.ply").exists() == bool(np.isfinite(expected.actions).all())
    assert result.out.count("Saved ") >= 4


def test_plain_video_is_the_default_task_and_shows_the_views_side_by_side(here, command_line):
    result = command_line(*arguments("--num_samples", 1, "--output", "out", "--seed", 7, "--cfg_scale", 1))
    assert result.code == 0, result.err
    video = read_video(here / "out/video_reach_the_red_block_0.mp4")
    assert video.shape == (5, 64, 2 * 64, 3)
    expected = by_hand(7, task="i2v", guidance=1.0)
    assert np.array_equal(video, as_written(np.concatenate(list(expected.video), axis=2)))


def test_view_actions_are_in_pixels_of_the_generated_pictures(here, command_line):
    views = np.array([[35.0, 13, 35, 12, 35, 8, 1], [32.5, 19, 37.5, 18, 32.5, 10, 1]])
    flags = [
        text for view in (1, 2) for text in (f"--view{view}_action", *(f"{number:g}" for number in views[view - 1]))
    ]
    result = command_line(*arguments("--task_type", "i2va", "--num_samples", 1, "--output", "out", *flags))
    assert result.code == 0, result.err
    expected = by_hand(42, task="i2va", view_actions=views[:, None], view_actions_of="model")
    actions = np.loadtxt(here / "out/sample_0/trajectory.csv", delimiter=",", skiprows=1)[:, :7]
    assert np.allclose(actions, expected.actions, atol=1e-9, equal_nan=True)


def test_actions_are_simulated_and_their_path_is_a_point_cloud(here, command_line):
    actions, rig = tiny_world.actions(5), tiny_world.rig().center_crop_resize(64, 64)
    pixels = aim.pixel_actions(actions, rig, convention="release")
    flags = [text for view in (1, 2) for text in (f"--view{view}_action", *map(repr, pixels[view - 1].ravel().tolist()))]
    more = ("--task_type", "a2v", "--num_samples", 1, "--output", "out", "--visualize_actions")
    result = command_line(*arguments(*more, *flags))
    assert result.code == 0, result.err
    cloud = read_ply(here / "out/point_cloud_reach_the_red_block_0.ply")
    assert np.abs(cloud.points - actions[:, :3]).max() < 0.02  # [m], of the drawn images of 64 pixels
    assert cloud.colors[0].tolist() == [59, 76, 192] and cloud.colors[-1].tolist() == [180, 4, 38]  # blue to red


def test_videos_are_labelled_their_last_frame_repeated(here, command_line):
    for view in (0, 1):
        write_video(f"view_{view}.mp4", tiny_world.pictures(3)[view])
    flags = [flag if not str(flag).endswith(".png") else str(flag)[:-4] + ".mp4" for flag in arguments()]
    result = command_line(*flags, "--task_type", "v2a", "--num_samples", 1, "--output", "out")
    assert result.code == 0, result.err
    given = released_files.given_pictures(["view_0.mp4", "view_1.mp4"], "v2a", 5)
    assert [len(video) for video in given] == [5, 5] and np.array_equal(given[0][2], given[0][4])
    assert (here / "out/sample_0/view_1_action.mp4").exists()


def test_frames_are_rounded_up_with_a_notice(here, command_line):
    size = ("--height", 64, "--width", 64, "--num_frames", 6, "--num_inference_steps", 1, "--dtype", "float32")
    result = command_line(*arguments("--num_samples", 1, "--output", "out", "--torch_compile", size=size))
    assert result.code == 0 and "rounded up to 9" in result.err and "--torch_compile changes nothing" in result.err
    assert len(read_video(here / "out/video_reach_the_red_block_0.mp4")) == 9
    assert [released.rounded_frames(n) for n in (4, 5, 6, 7, 8, 40, 41, 42)] == [5, 5, 9, 9, 9, 41, 41, 45]


def test_caching_tiling_and_bfloat16_run(here, command_line):
    flags = ("--dynamic_cache_schedule", "--tiled", "--tile_size", 4, 4, "--tile_stride", 2, 2, "--num_samples", 1)
    size = ("--height", 64, "--width", 64, "--num_frames", 5, "--num_inference_steps", 6)
    result = command_line(*arguments("--task_type", "i2va", "--output", "out", "--quiet", *flags, size=size))
    assert result.code == 0 and result.out == result.err == "", result.err


def test_without_a_checkpoint_wans_own_weights_run(here, command_line):
    flags = arguments("--num_samples", 1, "--output", "out", "--task_type", "i2v")
    without = tuple(flag for flag in flags if flag not in ("--ckpt_path", "ActionImages/checkpoint.ckpt"))
    result = command_line(*without)
    assert result.code == 0 and "camera" in result.err


def test_prompt_embeddings_are_kept_where_one_asks_for_it(here, command_line):
    flags = arguments("--num_samples", 1, "--output", "out", "--embedding_cache", "prompts")
    assert command_line(*flags).code == 0
    assert len(list((here / "prompts").glob("*.safetensors"))) == 2  # the prompt and the empty one
    next(here.glob("checkpoints/*/*/models_t5*")).rename(here / "gone.pth")
    assert "models_t5" in command_line(*flags).err  # it is looked for all the same


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--view1_action", 1, 2, 3, 4, 5, 6, 1), "both or none"),
        (("--view1_action", 1, 2, "--view2_action", 1, 2), "expected 7 or 35 values, got 2"),
        (("--task_type", "a2v"), "the actions of task a2v"),
        (("--task_type", "v2a"), "expected .mp4 files"),
        (("--task_type", "dance"), "invalid choice"),
        (("--num_samples", 0), "whole number"),
        (("--device", "abacus"), "device"),
        (("--ckpt_path", "nowhere.ckpt"), "nowhere.ckpt"),
        (("--height", 72), "height"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(here, refused, flags, said):
    assert said in refused(*arguments("--quiet", *flags))


def without_rig(flags):
    at = flags.index("--rig")
    return flags[:at] + flags[at + 2 :]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_a_rig_the_cameras_are_estimated(here, command_line, refused, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    monkeypatch.setattr("action_images._vggt_weights._in_hub_cache", lambda: None)
    monkeypatch.delenv("ACTION_IMAGES_VGGT", raising=False)
    flags = without_rig(arguments("--task_type", "i2va", "--num_samples", "1"))
    assert "expected VGGT's weights, got none" in refused(*flags, "--quiet")
    weights = tiny_vggt.write_weights(here / "vggt.pt", tiny_vggt.steady_tensors())
    result = command_line(*flags, "--vggt", weights)
    assert result.code == 0, result.err
    assert "cameras estimated from the pictures by VGGT" in result.err and "not metres" in result.err
    settings = json.loads((here / "results/inference/sample_0/rollout.json").read_text())["settings"]
    assert settings["cameras"]["sizing"] == "release"


def test_generation_is_of_one_process(here, refused, monkeypatch):
    flags = arguments()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "WORLD_SIZE: expected 1" in refused(*flags, "--use_usp")


def test_our_own_flags_are_as_they_were(command_line):
    assert "--num_inference_steps" not in command_line("generate", "--help").out
    assert "--num_inference_steps" in command_line("generate", "--ckpt_path", "x", "--help").out


def test_prompts_make_names_of_files():
    assert released_files.file_name("put a/b in: the *box*.") == "put_a_b_in__the__box_"
    assert released_files.file_name("") == released_files.file_name("..") == "noprompt"
    assert len(released_files.file_name("long " * 100)) == 100


def test_scene_rig_is_that_of_the_tests(tiny_scene):
    assert aim.load_rig(tiny_scene / "rig.json").width == tiny_world.SIZE
