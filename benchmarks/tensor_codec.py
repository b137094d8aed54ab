# SPDX-License-Identifier: Apache-2.0
"""The codec on tensors against the codec on arrays, side by side in one run.

    python benchmarks/tensor_codec.py [--device cuda] [--threads 1] [--frames 41] [--size 512] [--repeats 5]

Prints the least milliseconds of alternating calls; --threads is for torch and for the codec's decode. Results stay on the device.
"""
import argparse
import time

import numpy as np
import torch
from codec import draw_actions, make_rig

import action_images as aim
from action_images.model import decode_tensor, encode_tensor, tensor_rig


def least_times(calls, repeats, device):
    """Milliseconds of each named call, the least of several rounds after one that warms up."""
    times = {name: float("inf") for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn > 0:
                times[name] = min(times[name], 1e3 * (time.perf_counter() - start))
    return times


def draw_and_differentiate(actions, rig):
    given = actions.clone().requires_grad_()
    encode_tensor(given, rig).sum().backward()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=41)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    rig = make_rig(options.size)
    actions = draw_actions(options.frames, np.random.default_rng(0))
    images = aim.encode(actions, rig)
    cameras = tensor_rig(rig, options.device)
    given = torch.from_numpy(actions).float().to(options.device)
    drawn = torch.from_numpy(images).to(options.device)
    times = least_times(
        {
            "codec encode, uint8": lambda: aim.encode(actions, rig),
            "encode_tensor, float32": lambda: encode_tensor(given, cameras),
            "encode_tensor and gradients": lambda: draw_and_differentiate(given, cameras),
            "codec decode, uint8": lambda: aim.decode(images, rig, threads=options.threads),
            "decode_tensor, uint8": lambda: decode_tensor(drawn, cameras),
        },
        options.repeats,
        options.device,
    )
    print(f"{options.frames} x 2 x {options.size} x {options.size}, {options.device}, {options.threads} thread(s)")
    for name, milliseconds in times.items():
        print(f"{name:30s} {milliseconds:10.2f} ms")
    error = decode_tensor(drawn, cameras).actions[:, :3].cpu().numpy() - aim.decode(images, rig).actions[:, :3]
    print(f"largest distance of a position from the codec's: {1e3 * np.linalg.norm(error, axis=1).max():.5f} mm")


if __name__ == "__main__":
    main()
