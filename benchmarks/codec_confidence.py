# SPDX-License-Identifier: Apache-2.0
"""Is the decoder's confidence the chance of a good position? Measured on pictures as video networks make them.

    python benchmarks/codec_confidence.py [--clips 400] [--plot docs/images/codec_confidence.png] [--fit]

Draws action images by itself, with numpy, wrong in the ways of generated ones: blobs wider or narrower, weaker, displaced in each view on
its own, doubled, cut to a plateau, missing; noise; an uneven background. A position counts as good within 5 % of the axis length
(5 mm). Prints, for ten classes of confidence, how many positions were good, and the expected calibration error. `--fit` prints
the two numbers of `calibrated_confidence` (codec/confidence.hpp) that fit these clips best. The plot needs matplotlib.
"""
import argparse
from pathlib import Path

import numpy as np
from codec_accuracy import random_actions, random_rig

import action_images as aim

TOLERANCE = 0.005  # [m]


def blob(size, center, sigma):
    centres = np.arange(size) + 0.5
    return np.exp(-((centres - center[1]) ** 2)[:, None] / (2 * sigma**2) - ((centres - center[0]) ** 2)[None] / (2 * sigma**2))


class Faults:
    """How one clip is wrong."""

    def __init__(self, random, size):
        sigma = 0.05 * size
        self.random = random
        self.displacement = sigma * 10 ** random.uniform(-2.5, 0.4)
        self.sigma = sigma * 2 ** random.uniform(-0.7, 1.0)
        self.height = random.uniform(0.25, 1.0)
        self.plateau = random.choice([1.0, random.uniform(0.5, 1.0)])
        self.noise = random.choice([0.0, random.uniform(0, 0.1)])
        self.ramp = random.choice([0.0, random.uniform(0, 0.1)])
        self.ghost_rate = random.choice([0.0, random.uniform(0, 0.3)])
        self.missing_rate = random.choice([0.0, random.uniform(0, 0.2)])

    def channel(self, size, pixel):
        if self.random.random() < self.missing_rate or not np.isfinite(pixel).all():
            return np.zeros((size, size))
        heat = self.height * blob(size, pixel + self.random.normal(0, self.displacement, 2), self.sigma)
        if self.random.random() < self.ghost_rate:
            place = self.random.uniform(0, size, 2)
            heat = np.maximum(heat, self.height * self.random.uniform(0.3, 1.2) * blob(size, place, self.sigma))
        return np.minimum(heat, self.plateau * self.height)

    def picture(self, size, pixels, openness):
        image = np.stack([self.channel(size, pixel) for pixel in pixels], axis=-1)
        image[..., 2] = np.where(image[..., 2] > 0.25, image[..., 2], 0.25 * openness)
        image += self.ramp * np.linspace(0, 1, size)[:, None, None] + self.random.normal(0, self.noise, image.shape)
        return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def clip(random, frames):
    """Confidence and position error [m] of the frames of a faulty clip."""
    size = int(random.choice([64, 96, 128]))
    rig = random_rig(random, size, 0.75, int(random.choice([2, 2, 3, 4])))
    actions = random_actions(random, frames)
    faults = Faults(random, size)
    points = aim.action_points(actions)
    images = [
        [faults.picture(size, camera.project(three), action[6]) for three, action in zip(points, actions)] for camera in rig
    ]
    decoded = aim.decode(np.array(images), rig, fill=False)
    return decoded.confidence, np.linalg.norm(decoded.actions[:, :3] - actions[:, :3], axis=1)


def collect(clips, frames, seed):
    random = np.random.default_rng(seed)
    results = [clip(random, frames) for _ in range(clips)]
    confidence, errors = (np.concatenate([result[i] for result in results]) for i in (0, 1))
    print(f"{len(confidence)} frames, {np.mean(confidence > 0):.3f} of them decoded")
    return confidence[confidence > 0], errors[confidence > 0]


def classes(confidence, good, count=10):
    """(mean confidence, share of good, number) of classes of equal width."""
    index = np.minimum((confidence * count).astype(int), count - 1)
    return [(confidence[index == i].mean(), good[index == i].mean(), int((index == i).sum())) for i in range(count) if (index == i).any()]


def fit(confidence, good):
    """Offset and slope of the logistic regression of `good` on the log odds of the confidence, by Newton's method."""
    odds = np.log(np.clip(confidence, 1e-6, 1 - 1e-6) / (1 - np.clip(confidence, 1e-6, 1 - 1e-6)))
    features = np.stack([np.ones_like(odds), odds], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-features @ weights))
        hessian = features.T @ (features * (chance * (1 - chance))[:, None])
        weights += np.linalg.solve(hessian, features.T @ (good - chance))
    return weights


def plot(path, rows, confidence, errors):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    left.scatter([row[0] for row in rows], [row[1] for row in rows], s=[8 + 60 * row[2] / len(confidence) for row in rows])
    left.set(xlabel="confidence", ylabel="positions within 5 mm", xlim=(0, 1), ylim=(0, 1), title="Is it the chance of a good position?")
    order = np.random.default_rng(0).permutation(len(errors))[:3000]
    right.scatter(confidence[order], 1e3 * errors[order], s=3, alpha=0.3, linewidths=0)
    right.axhline(1e3 * TOLERANCE, color="0.5", linewidth=1)
    right.set(xlabel="confidence", ylabel="position error [mm]", yscale="log", xlim=(0, 1), title="Confidence against error")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    confidence, errors = collect(arguments.clips, arguments.frames, arguments.seed)
    good = errors < TOLERANCE
    rows = classes(confidence, good)
    for mean, share, number in rows:
        print(f"confidence {mean:5.3f}   good {share:5.3f}   of {number} frames")
    print(f"expected calibration error {sum(abs(m - s) * n for m, s, n in rows) / len(confidence):.4f}")
    if arguments.fit:
        offset, slope = fit(confidence, good)
        print(f"log odds of good = {offset:.3f} + {slope:.3f} * log odds of the confidence")
    if arguments.plot:
        plot(arguments.plot, rows, confidence, errors)


if __name__ == "__main__":
    main()
