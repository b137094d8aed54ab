# SPDX-License-Identifier: Apache-2.0
"""Laws of the codec on cameras, sizes, conventions and trajectories drawn by Hypothesis."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codec import rotation_error

import action_images as aim

numbers = lambda low, high: st.floats(low, high, allow_nan=False)  # noqa: E731


@st.composite
def cameras(draw, height, width):
    """One that looks at about the origin from 0.6 to 1 m, in any of the forms that a camera may have."""
    azimuth, elevation, distance = draw(numbers(0, 6.28)), draw(numbers(0.3, 1.2)), draw(numbers(0.6, 1.0))
    back = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.cross([0, 0, 1], back) / np.linalg.norm(np.cross([0, 0, 1], back))
    pose = np.eye(4)
    pose[:3] = np.stack([right, -np.cross(back, right), -back, distance * back], axis=1)
    focal = draw(numbers(1.0, 1.4)) * min(height, width) * distance
    intrinsics = [[focal, 0, width * draw(numbers(0.45, 0.55))], [0, focal * draw(numbers(0.97, 1.03)), height / 2], [0, 0, 1]]
    lens, distortion = draw(
        st.sampled_from([("none", []), ("brown_conrady", [-0.15, 0.05, 5e-4, -5e-4]), ("fisheye", [0.02, -0.01, 0, 0])])
    )
    camera = aim.Camera(
        intrinsics=intrinsics, world_from_camera=pose, width=width, height=height, lens=lens, distortion=distortion
    )
    return camera.mirrored() if lens != "brown_conrady" and draw(st.booleans()) else camera


@st.composite
def rigs(draw):
    """Two to four views, 64 to 160 px, whose first two stand at least 20 degrees apart."""
    height, width = draw(st.integers(64, 160)), draw(st.integers(64, 160))
    views = [draw(cameras(height, width)) for _ in range(draw(st.integers(2, 4)))]
    axes = [camera.world_from_camera[:3, 2] for camera in views]
    if axes[0] @ axes[1] > np.cos(np.radians(20)):
        turn = np.eye(4)
        turn[:2, :2] = [[0, -1], [1, 0]]
        first = views[0]
        views[1] = aim.Camera(
            intrinsics=first.intrinsics, world_from_camera=turn @ first.world_from_camera, width=width, height=height,
            lens=first.lens, distortion=first.distortion,
        )  # fmt: skip
    return aim.Rig(views)


trajectories = st.lists(
    st.tuples(*[numbers(-0.08, 0.08)] * 3, numbers(-3.1, 3.1), numbers(-1.5, 1.5), numbers(-3.1, 3.1), numbers(0, 1)),
    min_size=1,
    max_size=4,
).map(np.array)


@settings(max_examples=60, deadline=None)
@given(rigs(), trajectories, st.sampled_from(["paper", "release"]))
def test_decode_after_encode_is_the_identity(rig, actions, convention):
    decoded = aim.decode(aim.encode(actions, rig, convention), rig, convention)
    inside = visible(rig, actions)
    errors = 1e3 * np.linalg.norm(decoded.actions[:, :3] - actions[:, :3], axis=1)
    assert decoded.valid[inside].all()
    assert (errors[inside] < 0.3).all(), errors
    assert (rotation_error(decoded.actions[inside], actions[inside]) < np.radians(0.5)).all()
    expected = actions[:, 6] if convention == "paper" else (actions[:, 6] > 0.5).astype(float)
    assert (np.abs(decoded.actions[inside, 6] - expected[inside]) < 0.02).all()


@settings(max_examples=30, deadline=None)
@given(rigs(), trajectories)
def test_the_world_may_be_any_frame(rig, actions):
    """Decoded in the frame of the first camera, and moved back, actions are the same."""
    images = aim.encode(actions, rig)
    here, there = aim.decode(images, rig, fill=False), aim.decode(images, rig.relative_to_first(), fill=False)
    pose = rig[0].world_from_camera
    moved = there.actions[:, :3] @ pose[:3, :3].T + pose[:3, 3]
    both = here.valid & there.valid
    assert (here.valid == there.valid).all()
    assert np.abs(moved - here.actions[:, :3])[both].max(initial=0) < 1e-6


def visible(rig, actions):
    """Frames whose three points lie inside every picture, two sigmas from the border."""
    margin = 0.1 * min(rig.width, rig.height)
    points = aim.action_points(actions)
    inside = np.ones(len(actions), bool)
    for camera in rig:
        pixels = camera.project(points.reshape(-1, 3)).reshape(-1, 3, 2)
        inside &= ((pixels > margin) & (pixels < np.array([rig.width, rig.height]) - margin)).all((1, 2))
    return inside
