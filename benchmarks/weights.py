# SPDX-License-Identifier: Apache-2.0
"""Reading weights against torch.load and safetensors' own loader, side by side: seconds and bytes a second.

    python benchmarks/weights.py [--megabytes 1000] [--folder /tmp] [--repeats 3]

Every page of a file is read, once from the disk, with the file dropped from the page cache before
(POSIX_FADV_DONTNEED), and again from the cache; then cast from float32 to bfloat16. Each reading is a process of its
own, whose peak memory beyond an import of torch is given too.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import json, resource, sys, time
import torch
from action_images import model
import safetensors.torch
torch.ones(2**20).to(torch.bfloat16).float().sum()
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def touched(tensors):
    for value in tensors.values(): value.view(torch.uint8).view(-1)[::4096].sum()
    return tensors
def cast(tensors): return {name: value.to(torch.bfloat16) for name, value in tensors.items()}
ways = {
    "ours": lambda path: touched(model.load_tensors(path)),
    "torch.load mmap": lambda path: touched(torch.load(path, mmap=True, weights_only=True)),
    "torch.load": lambda path: touched(torch.load(path, weights_only=True)),
    "safetensors": lambda path: touched(safetensors.torch.load_file(path)),
    "ours, cast": lambda path: model.load_tensors(path, dtype=torch.bfloat16),
    "torch.load mmap, cast": lambda path: cast(torch.load(path, mmap=True, weights_only=True)),
    "safetensors, cast": lambda path: cast(safetensors.torch.load_file(path)),
}
before = peak()
start = time.perf_counter()
held = ways[sys.argv[1]](sys.argv[2])
print(json.dumps([time.perf_counter() - start, peak() - before]))
"""
WAYS = {
    "pth": ["ours", "torch.load mmap", "torch.load", "ours, cast", "torch.load mmap, cast"],
    "safetensors": ["ours", "safetensors", "ours, cast", "safetensors, cast"],
}


def write_files(folder, megabytes):
    """A .pth and a .safetensors file of float32 matrices of 16 MB, as the layers of a transformer are."""
    import torch

    from action_images import model

    tensors = {f"blocks.{i}.weight": torch.randn(2000, 2000) for i in range(max(1, megabytes // 16))}
    torch.save(tensors, folder / "weights.pth")
    model.save_tensors(folder / "weights.safetensors", tensors)
    os.sync()


def drop_from_cache(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def measure(way, path, cold):
    if cold:
        drop_from_cache(path)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        write_files(folder, arguments.megabytes)
        print("file         reader                 from disk [s]  [MB/s]  from cache [s]  [MB/s]  peak [MB]")
        for kind, ways in WAYS.items():
            path = folder / f"weights.{kind}"
            size = path.stat().st_size / 1e6
            runs = {(way, cold): [] for way in ways for cold in (True, False)}
            for _ in range(arguments.repeats):
                for way, cold in runs:
                    runs[way, cold].append(measure(way, path, cold))
            for way in ways:
                cold = statistics.median(seconds for seconds, _ in runs[way, True])
                warm = statistics.median(seconds for seconds, _ in runs[way, False])
                peak = max(peak for _, peak in runs[way, False]) / 1e6
                print(f"{kind:11s}  {way:21s}  {cold:13.3f}  {size / cold:6.0f}  {warm:14.3f}  {size / warm:6.0f}"
                      f"  {peak:9.0f}")


if __name__ == "__main__":
    main()
