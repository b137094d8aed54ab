# SPDX-License-Identifier: Apache-2.0
"""The Wan transformer against diffusers' WanTransformer3DModel, side by side in one run, in float32 and bfloat16.

    python benchmarks/transformer.py [--threads 1 2] [--repeats 7]

Both run the same sizes on random inputs that change from call to call; the table gives the median of alternating calls and
the ratio diffusers / ours (above 1: ours is faster). "prepared" leaves out what is constant over the denoising steps.
"""
import argparse
import statistics
import time

import torch
from diffusers import WanTransformer3DModel

from action_images.model import WanTransformer

SIZES = dict(dim=256, heads=4, layers=6, ffn=1024, channels=48, text=64, grid=(12, 8, 8), batch=4)


def make_ours(dtype):
    model = WanTransformer(
        dict(dim=SIZES["dim"], in_dim=SIZES["channels"], out_dim=SIZES["channels"], ffn_dim=SIZES["ffn"],
             text_dim=SIZES["text"], freq_dim=256, num_heads=SIZES["heads"], num_layers=SIZES["layers"]))
    model.initialize(0)
    model.to(dtype)
    return model


def make_diffusers(dtype):
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=SIZES["heads"], attention_head_dim=SIZES["dim"] // SIZES["heads"],
        in_channels=SIZES["channels"], out_channels=SIZES["channels"], text_dim=SIZES["text"], freq_dim=256,
        ffn_dim=SIZES["ffn"], num_layers=SIZES["layers"], cross_attn_norm=True, qk_norm="rms_norm_across_heads",
        eps=1e-6).to(dtype)


def draw(dtype):
    batch, grid = SIZES["batch"], SIZES["grid"]
    return (torch.randn(batch, SIZES["channels"], *grid, dtype=dtype), torch.rand(batch) * 1000,
            torch.randn(batch, 32, SIZES["text"], dtype=dtype))


def compare(dtype, repeats):
    ours, reference = make_ours(dtype), make_diffusers(dtype)
    calls = {
        "ours": lambda x, t, c: ours(x, t, c),
        "diffusers": lambda x, t, c: reference(x, t, c, return_dict=False),
    }
    conditions = ours.prepare(draw(dtype)[2], grid=SIZES["grid"])
    calls["prepared"] = lambda x, t, c: ours.forward(x, t, conditions)
    seconds = {name: [] for name in calls}
    with torch.no_grad():
        for repeat in range(repeats + 1):
            for name, call in calls.items():
                inputs = draw(dtype)
                start = time.perf_counter()
                call(*inputs)
                if repeat > 0:  # the first round warms up
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    print("threads  dtype     ours [ms]  prepared [ms]  diffusers [ms]  ratio  ratio prepared")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for dtype in (torch.float32, torch.bfloat16):
            median = compare(dtype, arguments.repeats)
            print(f"{threads:7d}  {str(dtype)[6:]:8s}  {1e3 * median['ours']:9.1f}  {1e3 * median['prepared']:13.1f}"
                  f"  {1e3 * median['diffusers']:14.1f}  {median['diffusers'] / median['ours']:5.2f}"
                  f"  {median['diffusers'] / median['prepared']:14.2f}")


if __name__ == "__main__":
    main()
