# SPDX-License-Identifier: Apache-2.0
"""Wan's VAE 2.2 in full width against diffusers' AutoencoderKLWan, side by side in one run, in float32 and bfloat16.

    python benchmarks/vae.py [--threads 1 2] [--frames 9] [--size 128] [--repeats 3] [--dtypes float32 bfloat16]

Every library runs in a process of its own and waits there while the other computes: calls alternate, inputs are random and
change from call to call. The table gives the least time of a call, the ratio diffusers / ours (above 1: ours is faster),
and the peak of resident memory: of the whole process, and beyond what it held before the calls (libraries and weights).
"""
import argparse
import multiprocessing
import time

import torch

CONFIG = dict(version="2.2", dim=160, dec_dim=256, z_dim=48)


def make_ours(dtype):
    from action_images.model import WanVAE

    vae = WanVAE(CONFIG, dtype=dtype)
    parameters = [value for _, value in vae.named_parameters()]
    return parameters, vae.encode, vae.decode


def make_diffusers(dtype):
    import diffusers

    torch.set_default_dtype(dtype)
    vae = diffusers.AutoencoderKLWan(
        base_dim=160, decoder_base_dim=256, z_dim=48, is_residual=True, in_channels=12, out_channels=12, patch_size=2,
        scale_factor_spatial=16, latents_mean=[0.0] * 48, latents_std=[1.0] * 48).eval()
    torch.set_default_dtype(torch.float32)
    return (list(vae.parameters()), lambda video: vae.encode(video.to(dtype)).latent_dist.mode(),
            lambda latents: vae.decode(latents.to(dtype), return_dict=False)[0])


def memory(key):
    """A line of /proc/self/status in GB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key + ":")) / 1e6


def worker(library, dtype, threads, pipe):
    """Answers (what, input) by (seconds, peak in GB, peak beyond weights in GB)."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    parameters, encode, decode = {"ours": make_ours, "diffusers": make_diffusers}[library](dtype)
    for parameter in parameters:
        parameter.normal_(0.0, parameter[0].numel() ** -0.5) if parameter.dim() > 1 else parameter.fill_(0.1)
    held = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts from here
    pipe.send("ready")
    while (request := pipe.recv()) is not None:
        what, values = request
        start = time.perf_counter()
        (encode if what == "encode" else decode)(values)
        pipe.send((time.perf_counter() - start, memory("VmHWM"), memory("VmHWM") - held))


def compare(arguments, dtype, threads):
    context = multiprocessing.get_context("spawn")
    workers = {}
    for library in ("ours", "diffusers"):
        ours, theirs = context.Pipe()
        process = context.Process(target=worker, args=(library, dtype, threads, theirs), daemon=True)
        process.start()
        ours.recv()
        workers[library] = process, ours
    latent_frames, size = 1 + (arguments.frames - 1) // 4, arguments.size
    shapes = {"decode": (1, 48, latent_frames, size // 16, size // 16), "encode": (1, 3, arguments.frames, size, size)}
    for what, shape in shapes.items():
        seconds, peaks = {library: [] for library in workers}, {}
        for _ in range(arguments.repeats):
            for library, (_, pipe) in workers.items():
                pipe.send((what, torch.rand(shape) * 2.0 - 1.0))
                elapsed, *peaks[library] = pipe.recv()
                seconds[library].append(elapsed)
        ours, theirs = min(seconds["ours"]), min(seconds["diffusers"])
        print(f"{threads:7d}  {str(dtype)[6:]:8s}  {what}  {ours:8.2f}  {theirs:13.2f}  {theirs / ours:5.2f}"
              f"  {peaks['ours'][0]:9.2f}  {peaks['diffusers'][0]:14.2f}"
              f"  {peaks['ours'][1]:11.2f}  {peaks['diffusers'][1]:16.2f}", flush=True)
    for process, pipe in workers.values():
        pipe.send(None)
        process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    arguments = parser.parse_args()
    print("threads  dtype     call    ours [s]  diffusers [s]  ratio  ours [GB]  diffusers [GB]  ours beyond"
          "  diffusers beyond")
    for dtype in arguments.dtypes:
        for threads in arguments.threads:
            compare(arguments, getattr(torch, dtype), threads)


if __name__ == "__main__":
    main()
