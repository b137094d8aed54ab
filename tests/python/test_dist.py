# SPDX-License-Identifier: Apache-2.0
"""Jobs of several processes under torchrun: the C++ workers of tests/dist, and the group that torch.distributed has made."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch", reason="jobs of several processes need torch")
pytest.importorskip("torch.distributed.run", reason="torchrun")
if not torch.distributed.is_gloo_available():
    pytest.skip("this torch has no Gloo", allow_module_level=True)

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKER = pathlib.Path(os.environ.get("ACTION_IMAGES_BUILD", ROOT / "build/release")) / "tests" / "dist_worker"


def torchrun(*command: str, processes: int = 2) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *command]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


@pytest.fixture
def script(tmp_path):
    """Runs a Python text under torchrun; returns the finished process."""

    def run(text: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(text))
        command = torchrun(str(path), processes=processes)
        return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)

    return run


@pytest.mark.skipif(not WORKER.exists(), reason="the C++ tests are not built")
def test_cpp_processes_meet_in_the_store_of_torchrun():
    done = subprocess.run(torchrun("--no-python", str(WORKER), "collectives"), env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not WORKER.exists(), reason="the C++ tests are not built")
def test_a_hanging_process_ends_the_job_under_torchrun_and_is_named():
    command = torchrun("--no-python", str(WORKER), "steps", "hang")
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "[rank 0] watchdog: rank 1 (last step 5, in no collective) hangs" in done.stderr


@pytest.mark.parametrize(
    "group",
    [
        "ProcessGroup.from_environment(timeout=60)",
        "(torch.distributed.init_process_group('gloo'), ProcessGroup.adopt(torch.distributed.group.WORLD.group_name))[1]",
    ],
    ids=["from the environment", "adopted from torch.distributed"],
)
def test_python_processes_share_a_group(script, group):
    done = script(
        f"""
        import torch
        from action_images.model import WorldModel  # torch before the compiled module
        from action_images._model import ProcessGroup

        group = {group}
        assert (group.size, group.backend) == (2, "gloo"), (group.size, group.backend)
        tensor = torch.full((3,), float(group.rank + 1))
        group.all_reduce(tensor)
        assert tensor.tolist() == [3.0] * 3
        group.all_reduce(tensor, "mean")
        group.broadcast(tensor, 1)
        assert tensor.tolist() == [3.0] * 3
        group.barrier()
        assert group.gather(f"rank {{group.rank}}") == ["rank 0", "rank 1"]
        print("in order")
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("in order") == 2


def test_without_torchrun_a_process_is_alone(monkeypatch):
    from action_images._model import ProcessGroup

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    group = ProcessGroup.from_environment()
    assert (group.rank, group.size, group.backend) == (0, 1, "alone")
    assert group.gather("text") == ["text"]


def test_wrong_variables_and_names_are_refused(monkeypatch):
    from action_images._model import ProcessGroup

    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(ValueError, match=r"\[dist::ProcessGroup\] WORLD_SIZE: expected a number from 1 to 1048576, got two"):
        ProcessGroup.from_environment()
    with pytest.raises(ValueError, match=r"op: expected sum, mean, min or max, got median"):
        ProcessGroup.alone().all_reduce(torch.ones(2), "median")
    with pytest.raises(ValueError, match=r"name: expected that of a group"):
        ProcessGroup.adopt("nobody")
