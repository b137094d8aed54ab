# SPDX-License-Identifier: Apache-2.0
"""Draws docs/images/conventions.png: frames, points, pixel centres and channels. Needs matplotlib.

    python docs/figures/conventions.py
"""
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import action_images as aim

RED, GREEN, BLUE, GREY = "#d62728", "#2ca02c", "#1f4fd6", "0.45"
OUT = Path(__file__).parents[1] / "images" / "conventions.png"


def camera(size=64):
    """A camera that looks at the origin from above."""
    position = np.array([0.45, -0.35, 0.4])
    forward = -position / np.linalg.norm(position)
    right = np.cross(forward, [0, 0, 1]) / np.linalg.norm(np.cross(forward, [0, 0, 1]))
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(right, -forward), forward, position], axis=1)
    pose[:3, 1] = np.cross(forward, right)
    intrinsics = [[1.5 * size, 0, size / 2], [0, 1.5 * size, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size)


def arrow(axes, start, end, color, text, shift=(0, 0)):
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    axes.text(end[0] + shift[0], end[1] + shift[1], text, color=color, fontsize=11, ha="center", va="center")


def draw_gripper(axes):
    """The three points in the gripper's frame."""
    axes.set_title("Gripper: three points stand for a pose", fontsize=12)
    axes.plot([-0.35, -0.35, 0.35, 0.35], [-0.55, -0.15, -0.15, -0.55], color="0.6", lw=6, solid_capstyle="round")
    axes.plot([0, 0], [-0.15, 0.25], color="0.6", lw=6, solid_capstyle="round")
    position = (0, -0.55)
    arrow(axes, position, (0, 0.62), GREEN, "normal\n$p + l\\,R\\,(-e_z)$", (0.42, 0.0))
    arrow(axes, position, (1.0, -0.55), BLUE, "up\n$p + l\\,R\\,e_x$", (0.02, -0.22))
    arrow(axes, position, (0, -1.05), GREY, "approach $e_z$", (0.42, 0))
    axes.plot(*position, "o", color=RED, ms=11)
    axes.text(-0.55, -0.78, "position $p$", color=RED, fontsize=11, ha="center")
    axes.set(xlim=(-1.1, 1.5), ylim=(-1.25, 0.95), aspect="equal")
    axes.axis("off")


def draw_frames(axes):
    """Axes of a camera under four names."""
    axes.set_title("Camera axes by name (seen from behind the camera)", fontsize=12)
    names = {"opencv": ("x", (1, 0), "y", (0, -1), "z forward"), "opengl, blender": ("x", (1, 0), "y", (0, 1), "z backward"),
             "pytorch3d": ("x", (-1, 0), "y", (0, 1), "z forward"), "ros": ("y", (-1, 0), "z", (0, 1), "x forward")}
    for i, (name, (first, a, second, b, third)) in enumerate(names.items()):
        centre = np.array([2.8 * (i % 2), -3.6 * (i // 2)])
        arrow(axes, centre, centre + a, RED, first, (0.16 * np.sign(a[0]), 0))
        arrow(axes, centre, centre + b, GREEN, second, (0, 0.18 * np.sign(b[1])))
        axes.plot(*centre, "o", color=BLUE, ms=7)
        axes.text(*(centre - (0, 1.45 if b[1] < 0 else 0.35)), f"{name}\n{third}", ha="center", va="top", fontsize=10)
    axes.set(xlim=(-1.4, 4.2), ylim=(-4.9, 1.4), aspect="equal")
    axes.axis("off")


def draw_pixels(axes):
    """Pixel centres of both conventions."""
    axes.set_title("A point at u = 2.0 px", fontsize=12)
    fine = np.linspace(-0.5, 5, 300)
    for row, (name, shift, color) in enumerate((("paper: index i covers [i, i + 1)", 0.5, GREEN), ("release: maximum at index u", 0.0, BLUE))):
        base = -1.9 * row
        for i in range(5):
            axes.add_patch(plt.Rectangle((i, base), 1, 0.28, fill=False, ec="0.5"))
            axes.text(i + 0.5, base + 0.13, str(i), ha="center", va="center", fontsize=9)
        centre = 2.0 if shift else 2.5
        axes.plot(fine, base + 0.4 + 0.75 * np.exp(-((fine - centre) ** 2) / 0.9), color=color)
        axes.plot([centre, centre], [base, base + 1.15], color=color, lw=1, ls=":")
        axes.text(-0.4, base + 1.28, name, fontsize=10, color=color)
    axes.set(xlim=(-0.6, 5.2), ylim=(-2.1, 1.55), aspect="equal")
    axes.axis("off")


def draw_images(panels):
    """The same action in both conventions, the gripper open and closed."""
    rig = aim.Rig([camera()])
    for axes, (convention, openness) in zip(panels, [("paper", 1.0), ("paper", 0.0), ("release", 1.0), ("release", 0.0)]):
        image = aim.encode([[0, 0, 0, 3.0, -0.3, 0.5, openness]], rig, convention)[0, 0]
        axes.imshow(image, interpolation="nearest")
        axes.set_title(f"{convention}, {'open' if openness else 'closed'}", fontsize=11)
        axes.set(xticks=[], yticks=[])


def main():
    figure = plt.figure(figsize=(12, 7.6), constrained_layout=True)
    grid = figure.add_gridspec(2, 12, height_ratios=(1.15, 1))
    draw_gripper(figure.add_subplot(grid[0, :4]))
    draw_frames(figure.add_subplot(grid[0, 4:8]))
    draw_pixels(figure.add_subplot(grid[0, 8:]))
    draw_images([figure.add_subplot(grid[1, 3 * i : 3 * i + 3]) for i in range(4)])
    figure.savefig(OUT, dpi=90)


if __name__ == "__main__":
    main()
