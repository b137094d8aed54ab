# SPDX-License-Identifier: Apache-2.0
"""What tests share: a tiny random world model, a scene for it, and the command line run inside the test's process."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a world model with random weights."""
    pytest.importorskip("torch", reason="world models need torch")
    import tiny_world

    return tiny_world.write_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_scene(tmp_path_factory):
    """Folder with view_0.png, view_1.png, rig.json, actions.csv and scene.json."""
    import tiny_world

    return tiny_world.write_scene(tmp_path_factory.mktemp("tiny") / "scene")


@pytest.fixture
def command_line(capsys):
    """Runs `action-images ARGUMENTS`; returns its .code, .out and .err."""
    from action_images.cli import main

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code or 0
        shown = capsys.readouterr()
        return SimpleNamespace(code=code, out=shown.out, err=shown.err)

    return run


@pytest.fixture
def interrupted():
    """Runs `action-images ARGUMENTS` in a process of its own, presses Ctrl-C at its first step; returns .code, .out, .err."""

    def listen_to_ctrl_c():  # a shell that runs us in the background has it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def run(*arguments):
        command = [sys.executable, "-m", "action_images", *(str(argument) for argument in arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c
        )
        for line in process.stderr:
            if line.startswith("step "):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        return SimpleNamespace(code=process.returncode, out=out, err=err)

    return run


@pytest.fixture
def refused(command_line):
    """Runs a command that has to fail as bad input: exit code 2, one line, nothing on the standard output."""

    def run(*arguments):
        result = command_line(*arguments)
        assert result.code == 2, result
        assert result.out == "" and result.err.startswith("action-images: error: [") and result.err.count("\n") == 1
        return result.err

    return run
