# SPDX-License-Identifier: Apache-2.0
"""Guided sampling against diffusers' WanTransformer3DModel, side by side in one run, in float32 and bfloat16.

    python benchmarks/sampling.py [--size embedded wide] [--threads 1 2] [--steps 4] [--repeats 3] [--clock cpu]

Both take the same Euler steps with a conditional and an unconditional evaluation each. We prepare the text keys and
values and the rotary tables once a sample, which is part of the time, and evaluate both prompts as one batch; diffusers
computes everything in every evaluation, one prompt after the other as its pipeline does. Inputs are random and change
from sample to sample. The table gives the least time of alternating samples. Clock cpu: of all threads of this process,
for a machine that others use too.
"""
import torch

from action_images import model
from transformer import draw, least_times, make_diffusers, make_ours, make_parser, settings

SCALE = 5.0


def euler(schedule, evaluate, latents):
    for step in range(schedule.steps):
        conditional, unconditional = evaluate(latents, schedule.timesteps[step])
        velocity = unconditional.float() + SCALE * (conditional.float() - unconditional.float())
        latents = schedule.step(velocity, step, latents)
    return latents


def sample_ours(network, schedule, noise, texts):
    conditions = network.prepare(torch.cat(texts), noise.shape[2:])
    return euler(schedule, lambda x, t: network.forward(torch.cat([x, x]), t.expand(2), conditions).chunk(2), noise)


def sample_diffusers(network, schedule, noise, texts):
    def evaluate(x, t):
        return [network(x.to(text.dtype), t[None], text, return_dict=False)[0] for text in texts]

    return euler(schedule, evaluate, noise)


def compare(size, dtype, arguments):
    schedule = model.FlowMatchSchedule(arguments.steps)
    ours, reference = make_ours(size, dtype), make_diffusers(size, dtype)
    calls = {
        "ours": lambda noise, texts: sample_ours(ours, schedule, noise, texts),
        "diffusers": lambda noise, texts: sample_diffusers(reference, schedule, noise, texts),
    }

    def draw_inputs():
        noise, _, text = draw(size, dtype)
        return noise.float(), (text, torch.randn_like(text))

    return least_times(calls, draw_inputs, arguments)


def main():
    parser = make_parser(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    print("size      threads  dtype     ours [s]  diffusers [s]  ratio")
    for size, threads, dtype in settings(arguments):
        least = compare(size, getattr(torch, dtype), arguments)
        print(f"{size:8s}  {threads:7d}  {dtype:8s}  {least['ours']:8.3f}  {least['diffusers']:13.3f}"
              f"  {least['diffusers'] / least['ours']:5.2f}", flush=True)


if __name__ == "__main__":
    main()
