# SPDX-License-Identifier: Apache-2.0
"""The transformer's equations in plain torch, term by term: slow, and close to the paper's text."""

import torch
import torch.nn.functional as F


def linear(state, name, x):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(x, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()


def rms_norm(state, name, x, eps):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * state[f"{name}.weight"]


def angles(config, positions, rows, columns):
    """Rotary angle (N, head_dim / 2) of every token."""
    width = config["dim"] // config["num_heads"]
    spatial = width // 6
    theta = config.get("rope_theta", 10000.0)

    def axis(values, count):
        frequency = theta ** (-torch.arange(count, dtype=torch.float64) / count)
        return torch.as_tensor(values, dtype=torch.float64).unsqueeze(-1) * frequency

    t, h, w = torch.meshgrid(torch.as_tensor(positions), torch.arange(rows), torch.arange(columns), indexing="ij")
    parts = axis(t, width // 2 - 2 * spatial), axis(h, spatial), axis(w, spatial)
    return torch.cat(parts, -1).flatten(0, 2).float()


def rotate(x, angle):
    """Turns the pairs of neighbouring channels of x (B, N, heads, width)."""
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = angle.cos().unsqueeze(1), angle.sin().unsqueeze(1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def attention(q, k, v):
    scores = torch.einsum("bnhd,bmhd->bhnm", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("bhnm,bmhd->bnhd", scores.softmax(-1), v).flatten(2)


def camera_embedding(config, state, block, camera):
    """(B, T, dim) of the camera latents (B, T, channels, H, W)."""
    pooled = torch.stack([
        torch.stack([F.adaptive_avg_pool3d(frame[None], tuple(config["camera_pool"])).flatten() for frame in sample])
        for sample in camera
    ])
    return linear(state, f"{block}.cam_encoder.2", pooled)


def stem(state, images):
    """Features (B, V, tokens, dim) of the first frames (B, V, 3, H, W)."""
    x = images.flatten(0, 1)
    layers = sum(name.startswith("image_stem.") for name in state) // 2
    for i in range(layers):
        x = F.conv2d(F.silu(x) if i else x, state[f"image_stem.{i}.weight"], state[f"image_stem.{i}.bias"], 2, 1)
    return x.flatten(2).transpose(1, 2).unflatten(0, images.shape[:2])


def transformer(config, state, latents, timestep, text, camera=None, first_frames=None, time_positions=None):
    heads, eps, dim = config["num_heads"], config.get("eps", 1e-6), config["dim"]
    batch, _, frames, height, width = latents.shape
    rows, columns = height // 2, width // 2
    split = lambda x: x.unflatten(-1, (heads, -1))
    angle = angles(config, list(time_positions or range(frames)), rows, columns)

    x = F.conv3d(latents, state["patch_embedding.weight"], state["patch_embedding.bias"], stride=(1, 2, 2))
    x = x.flatten(2).transpose(1, 2)
    if first_frames is not None:
        features = stem(state, first_frames)
        x = x + features.repeat_interleave(frames // features.shape[1], 1).flatten(1, 2)

    context = linear(state, "text_embedding.0", text)
    context = linear(state, "text_embedding.2", F.gelu(context, approximate="tanh"))
    frequency = 10000.0 ** (-torch.arange(config["freq_dim"] // 2) / (config["freq_dim"] // 2))
    phase = timestep.float().unsqueeze(-1) * frequency
    time = linear(state, "time_embedding.0", torch.cat([phase.cos(), phase.sin()], -1))
    time = linear(state, "time_embedding.2", F.silu(time)).reshape(batch, -1, dim)
    if config.get("pooled_text_modulation"):
        real = (text != 0).any(-1)
        time = time + torch.stack([c[r].mean(0) for c, r in zip(context, real)]).unsqueeze(1)
    projection = linear(state, "time_projection.1", F.silu(time)).unflatten(-1, (6, dim))

    for i in range(config["num_layers"]):
        block = f"blocks.{i}"
        own, cross = f"{block}.self_attn", f"{block}.cross_attn"
        shift, scale, gate, shift2, scale2, gate2 = (projection + state[f"{block}.modulation"].unsqueeze(1)).unbind(2)
        h = layer_norm(x, eps) * (1 + scale) + shift
        if camera is not None:
            h = h + camera_embedding(config, state, block, camera).repeat_interleave(rows * columns, 1)
        q = rotate(split(rms_norm(state, f"{own}.norm_q", linear(state, f"{own}.q", h), eps)), angle)
        k = rotate(split(rms_norm(state, f"{own}.norm_k", linear(state, f"{own}.k", h), eps)), angle)
        y = linear(state, f"{own}.o", attention(q, k, split(linear(state, f"{own}.v", h))))
        x = x + gate * (linear(state, f"{block}.projector", y) if camera is not None else y)

        h = layer_norm(x, eps) * state[f"{block}.norm3.weight"] + state[f"{block}.norm3.bias"]
        q = split(rms_norm(state, f"{cross}.norm_q", linear(state, f"{cross}.q", h), eps))
        k = split(rms_norm(state, f"{cross}.norm_k", linear(state, f"{cross}.k", context), eps))
        x = x + linear(state, f"{cross}.o", attention(q, k, split(linear(state, f"{cross}.v", context))))

        h = linear(state, f"{block}.ffn.0", layer_norm(x, eps) * (1 + scale2) + shift2)
        x = x + gate2 * linear(state, f"{block}.ffn.2", F.gelu(h, approximate="tanh"))

    shift, scale = (time.unsqueeze(2) + state["head.modulation"].unsqueeze(1)).unbind(2)
    out = linear(state, "head.head", layer_norm(x, eps) * (1 + scale) + shift)
    out = out.reshape(batch, frames, rows, columns, 2, 2, -1)
    return torch.einsum("bthwyxc->bcthywx", out).reshape(batch, -1, frames, height, width)
