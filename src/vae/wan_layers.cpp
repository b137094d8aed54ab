// SPDX-License-Identifier: Apache-2.0
#include "wan_layers.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "wan_convolution.hpp"

namespace action_images::wan_vae {
namespace {

// A tensor may be overwritten when no gradient will ask for it.
bool expendable(const at::Tensor& x) { return !(at::GradMode::is_enabled() && x.requires_grad()); }

at::Tensor plus(at::Tensor y, const at::Tensor& x) { return expendable(y) && expendable(x) ? y.add_(x) : y + x; }

// The last `count` frames (or all, if fewer), in memory of their own.
at::Tensor last_frames(const at::Tensor& x, std::int64_t count) {
  const std::int64_t kept = std::min(count, x.size(1));
  return x.narrow(1, x.size(1) - kept, kept).clone(at::MemoryFormat::Contiguous);
}

// Channel `phase` of the factor numbers that each of `channels` channels becomes when every channel of x is repeated.
at::Tensor repeated_channels(const at::Tensor& x, std::int64_t channels, std::int64_t factor, std::int64_t phase) {
  const std::int64_t repeats = channels * factor / x.size(-1);
  if (factor % repeats == 0) return x.unflatten(-1, {channels, factor / repeats}).select(-1, phase / repeats);
  const at::Tensor channel = at::arange(channels, x.options().dtype(at::kLong));
  return x.index_select(-1, (channel * factor + phase).floor_divide(repeats));
}

}  // namespace

at::Tensor causal_convolution(const Convolution& layer, const at::Tensor& x, Memory& memory) {
  at::Tensor& before = memory.next();
  const std::int64_t reach = layer.weight.size(2), border = layer.weight.size(3) / 2;
  at::Tensor joined = before.defined() ? at::cat({before, x}, 1) : x;
  before = last_frames(joined, reach - 1);
  // Frames before the clip are zero: a single frame leaves out the weights that meet them.
  std::int64_t taps = reach;
  if (x.size(1) == 1) {
    taps = std::min(reach, joined.size(1));
  } else if (const std::int64_t missing = reach - 1 + x.size(1) - joined.size(1); missing > 0) {
    joined = at::constant_pad_nd(joined, {0, 0, 0, 0, 0, 0, missing, 0});
  }
  const at::Tensor weight = layer.weight.narrow(2, reach - taps, taps);
  return convolve(joined, weight, layer.bias, {border, border, border, border});
}

at::Tensor pointwise(const Convolution& layer, const at::Tensor& x) {
  return at::linear(x, layer.weight.flatten(1), layer.bias);
}

at::Tensor normalized(const at::Tensor& gamma, const at::Tensor& x) {
  const at::Tensor length = at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, at::kFloat).clamp_min(1e-12);
  const at::Tensor inverse = (std::sqrt(static_cast<double>(x.size(-1))) / length).to(x.scalar_type());
  const at::Tensor unit = x * inverse;
  return expendable(unit) && expendable(gamma) ? unit.mul_(gamma.flatten()) : unit * gamma.flatten();
}

at::Tensor activated(const at::Tensor& gamma, const at::Tensor& x) {
  const at::Tensor y = normalized(gamma, x);
  return expendable(y) ? at::silu_(const_cast<at::Tensor&>(y)) : at::silu(y);
}

at::Tensor residual_block(const ResidualBlock& block, at::Tensor x, Memory& memory) {
  at::Tensor y = causal_convolution(block.conv1, activated(block.norm1, x), memory);
  if (block.shortcut.weight.defined()) x = pointwise(block.shortcut, x);
  y = causal_convolution(block.conv2, activated(block.norm2, y), memory);
  return plus(std::move(y), x);
}

at::Tensor attention_block(const AttentionBlock& block, at::Tensor x) {
  const at::Tensor tokens = normalized(block.norm, x).flatten(2, 3).flatten(0, 1).unsqueeze(1);  // (B T, 1, H W, C)
  const auto qkv = pointwise(block.qkv, tokens).chunk(3, -1);
  const at::Tensor attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
  return plus(pointwise(block.proj, attended).view(x.sizes()), x);
}

at::Tensor downsample(const Resample& layer, at::Tensor x, Memory& memory) {
  x = convolve(x, layer.spatial.weight.unsqueeze(2), layer.spatial.bias, {0, 1, 0, 1}, {1, 2});
  if (!layer.temporal.weight.defined()) return x;
  at::Tensor& before = memory.next();
  const at::Tensor joined = before.defined() ? at::cat({before, x}, 1) : x;
  before = last_frames(x, 1);
  return memory.first() ? x : convolve(joined, layer.temporal.weight, layer.temporal.bias, {0, 0, 0, 0}, {2, 1});
}

at::Tensor upsample(const Resample& layer, at::Tensor x, Memory& memory) {
  if (layer.temporal.weight.defined()) {
    if (memory.first()) {
      memory.next();  // the first frame stays one, and is not remembered
    } else {
      x = causal_convolution(layer.temporal, x, memory).unflatten(-1, {2, x.size(-1)});  // (B, T, H, W, 2, C)
      x = x.permute({0, 1, 4, 2, 3, 5}).flatten(1, 2).contiguous();
    }
  }
  return convolve_doubled(x, layer.spatial.weight, layer.spatial.bias);
}

at::Tensor average_down(const Shortcut& shortcut, const at::Tensor& x) {
  const auto& [time, space, channels] = shortcut;
  const std::int64_t missing = (time - x.size(1) % time) % time;
  const at::Tensor whole = missing > 0 ? at::constant_pad_nd(x, {0, 0, 0, 0, 0, 0, missing, 0}) : x;
  return whole.unflatten(3, {x.size(3) / space, space})
      .unflatten(2, {x.size(2) / space, space})
      .unflatten(1, {whole.size(1) / time, time})  // (B, T, time, H, space, W, space, C)
      .permute({0, 1, 3, 5, 7, 2, 4, 6})
      .flatten(4)
      .unflatten(-1, {channels, -1})
      .mean(-1);
}

at::Tensor add_duplicated(const Shortcut& shortcut, at::Tensor y, const at::Tensor& x, bool first) {
  const auto& [time, space, channels] = shortcut;
  const std::int64_t factor = time * space * space, frames = first ? 1 : time;
  if (!expendable(y) || !expendable(x)) y = y.clone();
  const at::Tensor blocks = y.unflatten(3, {x.size(3), space})
                                .unflatten(2, {x.size(2), space})
                                .unflatten(1, {x.size(1), frames});  // (B, T, time, H, space, W, space, C), a view
  for (std::int64_t phase = (time - frames) * space * space; phase < factor; ++phase) {
    const std::int64_t t = phase / (space * space) - (time - frames), row = phase / space % space,
                       column = phase % space;
    blocks.select(2, t).select(3, row).select(4, column).add_(repeated_channels(x, channels, factor, phase));
  }
  return y;
}

at::Tensor features_from_video(const at::Tensor& video, std::int64_t patch) {
  return video.unflatten(4, {video.size(4) / patch, patch})
      .unflatten(3, {video.size(3) / patch, patch})  // (B, C, T, H, row, W, column)
      .permute({0, 2, 3, 5, 1, 6, 4})
      .flatten(4)
      .contiguous();
}

at::Tensor video_from_features(const at::Tensor& features, std::int64_t patch) {
  return features
      .unflatten(-1, {-1, patch, patch})  // (B, T, H, W, C, column, row)
      .permute({0, 4, 1, 2, 6, 3, 5})
      .flatten(5)
      .flatten(3, 4);
}

}  // namespace action_images::wan_vae
