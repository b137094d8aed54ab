# SPDX-License-Identifier: Apache-2.0
"""What tests share: a tiny random world model, a scene for it, and the command line run inside the test's process."""

from types import SimpleNamespace

import pytest

try:
    # OSMesa, which the simulation renders with, brings an LLVM of its own; triton, which the oracle packages import, has
    # another one linked in and crashes when it is loaded second.
    import triton  # noqa: F401
except ImportError:
    pass


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
def refused(command_line):
    """Runs a command that has to fail as bad input: exit code 2, one line, nothing on the standard output."""

    def run(*arguments):
        result = command_line(*arguments)
        assert result.code == 2, result
        assert result.out == "" and result.err.startswith("action-images: error: [") and result.err.count("\n") == 1
        return result.err

    return run
