# SPDX-License-Identifier: Apache-2.0
"""The command line as such, and its commands for the codec, which work without torch."""

import subprocess
import sys

import numpy as np
import pytest

import action_images as aim
from action_images import cli

COMMANDS = ["generate", "encode", "decode", "doctor", "train", "eval", "scene", "render", "view"]


def codec_options(scene, **changes):
    options = {"--actions": scene / "actions.csv", "--rig": scene / "rig.json", **changes}
    return [part for pair in options.items() for part in pair]


def test_help_lists_every_command_and_what_it_does(command_line):
    shown = command_line("--help")
    assert shown.code == 0 and shown.err == ""
    for command in COMMANDS:
        assert f"\n    {command} " in shown.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_version(command_line, command):
    shown = command_line(command, "--help")
    assert shown.code == 0 and shown.out.startswith(f"usage: action-images {command}") and "None" not in shown.out
    assert command_line(command, "--version").out == f"action-images {aim.__version__}\n"


def test_version_is_the_package_version(command_line):
    assert command_line("--version").out == f"action-images {aim.__version__}\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["encode"], "required: --actions, --rig, --out"),
        (["encode", "--wings"], "required"),
        (["scene", "--out", "x", "--seed", "-1"], 'expected a whole number from 0 to 4294967295, got "-1"'),
        (["scene", "--out", "x", "--seed", "many"], 'got "many"'),
        (["decode", "--images", "a", "--rig", "b", "--out", "c", "--sigma", "nan"], 'finite number, got "nan"'),
        (["scene", "--ou", "x"], "required: --out"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(refused, arguments, message):
    assert message in refused(*arguments)


def test_python_m_action_images_is_the_command_line():
    shown = subprocess.run([sys.executable, "-m", "action_images", "fly"], capture_output=True, text=True)
    assert shown.returncode == 2 and shown.stdout == ""
    assert shown.stderr.startswith("action-images: error: ") and shown.stderr.count("\n") == 1


def test_an_interrupted_command_says_so_and_exits_with_130(command_line, monkeypatch, tiny_scene, tmp_path):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.encode, "load_rig", interrupted)
    result = command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / "images.npy")
    assert result.code == 130 and result.err == "action-images: stopped by Ctrl-C\n"


@pytest.mark.parametrize("name", ["images.npy", "pictures", "deep/er/images.npy"])
def test_decode_reads_what_encode_wrote(command_line, tiny_scene, tmp_path, name):
    written = command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / name)
    assert (written.code, written.err) == (0, "") and "2 views, 5 frames, 32 x 32 px" in written.out
    trajectory = tmp_path / "trajectory.csv"
    read = command_line("decode", "--images", tmp_path / name, "--rig", tiny_scene / "rig.json", "--out", trajectory)
    assert (read.code, read.err) == (0, "") and "5 of 5 frames decoded" in read.out
    true = aim.load_trajectory(tiny_scene / "actions.csv")
    assert np.abs(aim.load_trajectory(trajectory)[:, :3] - true[:, :3]).max() < 1e-3


def test_decode_reads_the_videos_that_encode_wrote(command_line, tiny_scene, tmp_path):
    pytest.importorskip("torch", reason="videos are read and written by action_images._model")
    assert command_line("encode", *codec_options(tiny_scene), "--out", tmp_path, "--format", "mp4").code == 0
    videos = [tmp_path / f"view_{view}_action.mp4" for view in range(2)]
    trajectory = tmp_path / "trajectory.csv"
    read = command_line("decode", "--images", *videos, "--rig", tiny_scene / "rig.json", "--out", trajectory)
    assert (read.code, read.err) == (0, "")
    true = aim.load_trajectory(tiny_scene / "actions.csv")
    assert np.abs(aim.load_trajectory(trajectory)[:, :3] - true[:, :3]).max() < 2e-2


def test_encode_takes_the_codec_options(command_line, tiny_scene, tmp_path):
    options = ["--convention", "release", "--sigma", "2.5", "--axis-length", "0.05"]
    assert command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / "images.npy", *options).code == 0
    actions, rig = aim.load_trajectory(tiny_scene / "actions.csv"), aim.load_rig(tiny_scene / "rig.json")
    assert np.array_equal(np.load(tmp_path / "images.npy"), aim.encode(actions, rig, "release", 2.5, 0.05))


def test_quiet_prints_nothing(command_line, tiny_scene, tmp_path):
    written = command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / "images.npy", "--quiet")
    assert (written.code, written.out, written.err) == (0, "", "")


def test_the_codec_commands_do_not_load_torch(tiny_scene, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None; from action_images.cli import main; scene, out = sys.argv[1:];"
        "assert main(['encode', '--actions', scene + '/actions.csv', '--rig', scene + '/rig.json', '--out', out]) == 0;"
        "assert main(['decode', '--images', out, '--rig', scene + '/rig.json', '--out', out + '.csv']) == 0;"
        "assert main(['generate', '--images', 'a', '--rig', scene + '/rig.json', '--out', out + '.d']) == 2"
    )
    arguments = [sys.executable, "-c", code, str(tiny_scene), str(tmp_path / "images.npy")]
    shown = subprocess.run(arguments, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr.count("\n") == 1 and "needs torch: pip install torch" in shown.stderr


@pytest.mark.parametrize("contents", [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04 archive", b"some text"])
def test_decode_refuses_files_that_are_no_array(refused, tiny_scene, tmp_path, contents):
    (tmp_path / "bad.npy").write_bytes(contents)
    out = tmp_path / "trajectory.csv"
    message = refused("decode", "--images", tmp_path / "bad.npy", "--rig", tiny_scene / "rig.json", "--out", out)
    assert "bad.npy: expected a numpy array" in message and not out.exists()


def test_decode_refuses_objects_that_would_need_pickle(refused, tiny_scene, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    out = tmp_path / "trajectory.csv"
    assert "objects.npy" in refused(
        "decode", "--images", tmp_path / "objects.npy", "--rig", tiny_scene / "rig.json", "--out", out
    )


def test_decode_refuses_arrays_of_another_shape_or_dtype(refused, tiny_scene, tmp_path):
    for array in (np.zeros((2, 5, 32, 32), np.uint8), np.zeros((2, 5, 32, 32, 3), int)):
        np.save(tmp_path / "array.npy", array)
        out = tmp_path / "trajectory.csv"
        message = refused("decode", "--images", tmp_path / "array.npy", "--rig", tiny_scene / "rig.json", "--out", out)
        assert "images: expected" in message and not out.exists()


def test_decode_refuses_a_folder_where_a_frame_is_missing(refused, command_line, tiny_scene, tmp_path):
    command_line("encode", *codec_options(tiny_scene), "--out", tmp_path)
    (tmp_path / "view_1_0002.png").unlink()
    out = tmp_path / "trajectory.csv"
    assert "got 9 of 10" in refused("decode", "--images", tmp_path, "--rig", tiny_scene / "rig.json", "--out", out)


def test_decode_refuses_pictures_without_any_point(refused, tiny_scene, tmp_path):
    np.save(tmp_path / "black.npy", np.zeros((2, 5, 32, 32, 3), np.uint8))
    out = tmp_path / "trajectory.csv"
    message = refused("decode", "--images", tmp_path / "black.npy", "--rig", tiny_scene / "rig.json", "--out", out)
    assert "expected a frame that can be decoded, got none" in message and not out.exists()


def test_encode_does_not_mix_two_clips_in_one_folder(refused, command_line, tiny_scene, tmp_path):
    command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / "images")
    assert command_line("encode", *codec_options(tiny_scene), "--out", tmp_path / "images").code == 0
    shorter = tmp_path / "shorter.csv"
    aim.save_trajectory(aim.load_trajectory(tiny_scene / "actions.csv")[:3], shorter)
    options = codec_options(tiny_scene, **{"--actions": shorter})
    assert "got view_0_0003.png" in refused("encode", *options, "--out", tmp_path / "images")
