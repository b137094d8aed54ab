# SPDX-License-Identifier: Apache-2.0
"""From a simulator to a better model: renders clips, checks them, fine-tunes the embedded model with two processes, and
measures before and after.

    python examples/fine_tune.py --out runs/fine_tune        # about 15 minutes on two cores
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(*command: object, threads: int | None = None) -> None:
    print("$", *command, flush=True)
    environment = dict(os.environ) if threads is None else {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([str(part) for part in command], check=True, env=environment)


def measure(model: object, episodes: int, out: Path) -> dict:
    run(sys.executable, "-m", "action_images", "eval", "--model", model, "--episodes", episodes, "--a2v-episodes", episodes,
        "--v2a-episodes", episodes, "--json", out)  # fmt: skip
    return json.loads(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/fine_tune"))
    parser.add_argument("--clips", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--episodes", type=int, default=100, help="scenes of each evaluation")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    from action_images.simulation import write_dataset

    for name, domain, count, seed in [("train", "train", arguments.clips, 1_000_000), ("validation", "eval", 32, 200_000)]:
        write_dataset(out / "data" / name, count, domain=domain, first_seed=seed, processes=arguments.processes)
    run(sys.executable, "-m", "action_images", "dataset", "check", out / "data/train")

    before = measure("embedded", arguments.episodes, out / "before.json")
    run(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", arguments.processes,
        "-m", "action_images", "train", "--config", HERE / "fine_tune.toml", "--data", out / "data/train",
        "--validation", out / "data/validation", "--out", out / "run", "--max_steps", arguments.steps, threads=1)  # fmt: skip
    after = measure(out / "run/model", arguments.episodes, out / "after.json")
    for name in ("success_at_25mm", "v2a_within_25mm", "v2a_without_text_within_25mm"):
        print(f"{name}: {before[name]['rate']:.3f} -> {after[name]['rate']:.3f}")


if __name__ == "__main__":
    main()
