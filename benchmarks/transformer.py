# SPDX-License-Identifier: Apache-2.0
"""The Wan transformer against diffusers' WanTransformer3DModel, side by side in one run, in float32 and bfloat16.

    python benchmarks/transformer.py [--size embedded wide] [--threads 1 2] [--repeats 5] [--clock wall]

Both run the same sizes on random inputs that change from call to call; the table gives the least time of alternating
calls and the ratio diffusers / ours (above 1: ours is faster). "prepared" leaves out what is constant over the denoising
steps. embedded: the small world model's size (its extras off); padded: with 512 rows of text, as Wan's pipelines pad it;
wide: Wan 2.1 1.3B with 4 layers, one view of 41 frames of 512 x 512 (2,816 tokens). Clock cpu: of all threads of this
process, for a machine that others use too.
"""
import argparse
import time

import torch
from diffusers import WanTransformer3DModel

from action_images.model import WanTransformer

SIZES = {
    "embedded": dict(dim=192, heads=3, layers=6, ffn=768, channels=48, text=64, rows=16, grid=(12, 8, 8), batch=1),
    "padded": dict(dim=192, heads=3, layers=6, ffn=768, channels=48, text=64, rows=512, grid=(12, 8, 8), batch=1),
    "wide": dict(dim=1536, heads=12, layers=4, ffn=8960, channels=48, text=4096, rows=512, grid=(11, 32, 32), batch=1),
}


def make_ours(size, dtype):
    sizes = SIZES[size]
    model = WanTransformer(
        dict(dim=sizes["dim"], in_dim=sizes["channels"], out_dim=sizes["channels"], ffn_dim=sizes["ffn"],
             text_dim=sizes["text"], freq_dim=256, num_heads=sizes["heads"], num_layers=sizes["layers"]))
    model.initialize(0)
    return model.to(dtype)


def make_diffusers(size, dtype):
    sizes = SIZES[size]
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=sizes["heads"], attention_head_dim=sizes["dim"] // sizes["heads"],
        in_channels=sizes["channels"], out_channels=sizes["channels"], text_dim=sizes["text"], freq_dim=256,
        ffn_dim=sizes["ffn"], num_layers=sizes["layers"], cross_attn_norm=True, qk_norm="rms_norm_across_heads",
        eps=1e-6).to(dtype).eval()


def draw(size, dtype):
    """Latents, timestep and text."""
    batch, channels, rows = (SIZES[size][key] for key in ("batch", "channels", "rows"))
    return (torch.randn(batch, channels, *SIZES[size]["grid"], dtype=dtype), torch.rand(batch) * 1000,
            torch.randn(batch, rows, SIZES[size]["text"], dtype=dtype))


@torch.no_grad()
def least_times(calls, draw_inputs, arguments):
    """Least seconds of each of the `calls`, which take turns; every call gets fresh inputs, drawn off the clock."""
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[arguments.clock]
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(arguments.repeats):
        for name, call in calls.items():
            inputs = draw_inputs()
            start = clock()
            call(*inputs)
            least[name] = min(least[name], clock() - start)
    return least


def make_parser(description, repeats):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    return parser


def settings(arguments):
    """(size, threads, dtype's name) of every row of the table, torch's threads set."""
    for size in arguments.size:
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            for dtype in arguments.dtypes:
                yield size, threads, dtype


@torch.no_grad()
def compare(size, dtype, arguments):
    ours, reference = make_ours(size, dtype), make_diffusers(size, dtype)
    conditions = ours.prepare(draw(size, dtype)[2], grid=SIZES[size]["grid"])
    calls = {
        "ours": lambda x, t, c: ours(x, t, c),
        "prepared": lambda x, t, c: ours.forward(x, t, conditions),
        "diffusers": lambda x, t, c: reference(x, t, c, return_dict=False),
    }
    return least_times(calls, lambda: draw(size, dtype), arguments)


def main():
    arguments = make_parser(__doc__.splitlines()[0], repeats=5).parse_args()
    print("size      threads  dtype     ours [ms]  prepared [ms]  diffusers [ms]  ratio  ratio prepared")
    for size, threads, dtype in settings(arguments):
        least = compare(size, getattr(torch, dtype), arguments)
        ours, prepared, theirs = (least[name] for name in ("ours", "prepared", "diffusers"))
        print(f"{size:8s}  {threads:7d}  {dtype:8s}  {1e3 * ours:9.1f}  {1e3 * prepared:13.1f}"
              f"  {1e3 * theirs:14.1f}  {theirs / ours:5.2f}  {theirs / prepared:14.2f}", flush=True)


if __name__ == "__main__":
    main()
