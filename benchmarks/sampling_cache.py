# SPDX-License-Identifier: Apache-2.0
"""What step caches spare and what they cost, against the exact run with the same noise, on the embedded model.

    python benchmarks/sampling_cache.py [--scenes 20] [--steps 30] [--guidance 1] [--threads 1] [--json FILE]

For every scene of the simulator (domain "eval") and every cache: evaluations spared, CPU time of the sampling beside the
exact run's, relative error of the latents (|difference| / |exact|, of the generated video and action images encoded again),
and the distance of the planned positions from the exact run's. The model's own default, one step, leaves nothing to spare.
"""

import argparse
import json
import time

import numpy as np
import torch

import action_images as aim
from action_images.model import MODELS, PatchVAE, WorldModel, load_tensors
from action_images.simulation import TabletopScene, sample_scene

CACHES = {
    "exact": {},
    "cosine (the release's)": {"step_cache": "cosine"},
    "cosine 0.99": {"step_cache": "cosine", "step_cache_threshold": 0.99},
    **{f"easy {threshold}": {"step_cache": "easy", "step_cache_threshold": threshold} for threshold in (0.02, 0.05, 0.1, 0.2)},
    **{f"tea {threshold}": {"step_cache": "tea", "step_cache_threshold": threshold} for threshold in (0.05, 0.1, 0.2)},
}  # fmt: skip


def main():
    options = read_options()
    torch.set_num_threads(options.threads)
    model, latents_of = WorldModel.load("embedded"), embedded_encoder()
    figures = {name: [] for name in CACHES}
    for index, scene in enumerate(evaluation_inputs(options.scenes)):
        exact = None
        for name, cache in CACHES.items():
            start = time.process_time()
            rollout = model.generate(**scene, steps=options.steps, guidance=options.guidance, seed=index, **cache)
            seconds = time.process_time() - start
            exact = exact or rollout
            figures[name].append(compared(rollout, exact, seconds, latents_of))
    report(figures, options)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def evaluation_inputs(count):
    """Pictures, prompt and rig of scenes that the model has not seen, as WorldModel.generate takes them."""
    with TabletopScene(64, 64, 2) as tabletop:
        for index in range(count):
            episode = tabletop.render_episode(sample_scene("eval", 9_000_000 + index, views=2, aspect=1.0), frames=9)
            cameras = [
                aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=64, height=64)
                for intrinsics, pose in zip(episode.intrinsics, episode.world_from_camera)
            ]
            yield {
                "images": [frames[0] for frames in episode.video],
                "prompt": episode.instruction,
                "rig": aim.Rig(cameras),
            }


def embedded_encoder():
    """Latents (V, C, T, h, w) of uint8 videos (V, T, H, W, 3), by the embedded model's VAE."""
    config = json.loads((MODELS / "embedded/config.json").read_text())["vae"]
    tensors = load_tensors(MODELS / "embedded/model.safetensors")
    vae = PatchVAE(config)
    vae.load_state_dict({name[4:]: tensor for name, tensor in tensors.items() if name.startswith("vae.")})
    return lambda video: vae.encode(torch.from_numpy(video).permute(0, 4, 1, 2, 3).float() / 127.5 - 1)


def compared(rollout, exact, seconds, latents_of):
    """The figures of one run beside the exact one of the same scene."""
    latents, truth = (torch.cat([latents_of(run.video), latents_of(run.action_images)]) for run in (rollout, exact))
    distance = 1e3 * np.linalg.norm(rollout.actions[:, :3] - exact.actions[:, :3], axis=1)
    return {
        "evaluated": rollout.settings["steps_evaluated"],
        "seconds": seconds,
        "latent_error": float((latents - truth).norm() / truth.norm()),
        "mean_mm": float(distance.mean()),
        "last_mm": float(distance[-1]),
    }


def report(figures, options):
    means = {name: {key: float(np.mean([run[key] for run in runs])) for key in runs[0]} for name, runs in figures.items()}
    medians = {name: float(np.nanmedian([run["last_mm"] for run in runs])) for name, runs in figures.items()}
    print(f"embedded, {options.scenes} scenes, {options.steps} steps, guidance {options.guidance:g}, {options.threads} thread(s)")
    print(f"{'cache':24s} {'evaluated':>9s} {'CPU time':>9s} {'latents':>9s} {'path':>9s} {'end, median':>12s}")
    for name, mean in means.items():
        share = mean["seconds"] / means["exact"]["seconds"]
        print(
            f"{name:24s} {mean['evaluated']:9.1f} {100 * share:7.0f} % {100 * mean['latent_error']:7.2f} % "
            f"{mean['mean_mm']:6.2f} mm {medians[name]:9.2f} mm"
        )
    if options.json:
        with open(options.json, "w") as stream:
            json.dump({"options": vars(options), "means": means, "median_last_mm": medians}, stream, indent=2)


if __name__ == "__main__":
    main()
