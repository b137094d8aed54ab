// SPDX-License-Identifier: Apache-2.0
#include "wan_network.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

namespace action_images::wan_vae {
namespace {

// Kernel of time x space x space.
Convolution declare_3d(const Scope& scope, std::int64_t in, std::int64_t out, std::int64_t time, std::int64_t space) {
  return {scope.parameter("weight", {out, in, time, space, space}, Init::kaiming),
          scope.parameter("bias", {out}, Init::zeros)};
}

Convolution declare_2d(const Scope& scope, std::int64_t in, std::int64_t out, std::int64_t space) {
  return {scope.parameter("weight", {out, in, space, space}, Init::kaiming),
          scope.parameter("bias", {out}, Init::zeros)};
}

ResidualBlock declare_residual(const Scope& scope, std::int64_t in, std::int64_t out) {
  const Scope residual = scope / "residual";
  ResidualBlock block;
  block.norm1 = (residual / 0).parameter("gamma", {in, 1, 1, 1}, Init::ones);
  block.conv1 = declare_3d(residual / 2, in, out, 3, 3);
  block.norm2 = (residual / 3).parameter("gamma", {out, 1, 1, 1}, Init::ones);
  block.conv2 = declare_3d(residual / 6, out, out, 3, 3);
  if (in != out) block.shortcut = declare_3d(scope / "shortcut", in, out, 1, 1);
  return block;
}

AttentionBlock declare_attention(const Scope& scope, std::int64_t dim) {
  AttentionBlock block;
  block.norm = (scope / "norm").parameter("gamma", {dim, 1, 1}, Init::ones);
  block.qkv = declare_2d(scope / "to_qkv", dim, 3 * dim, 1);
  block.proj = declare_2d(scope / "proj", dim, dim, 1);
  return block;
}

Resample declare_downsample(const Scope& scope, std::int64_t dim, bool temporal) {
  Resample layer{declare_2d(scope / "resample" / 1, dim, dim, 3), {}};
  if (temporal) layer.temporal = declare_3d(scope / "time_conv", dim, dim, 3, 1);
  return layer;
}

Resample declare_upsample(const Scope& scope, std::int64_t dim, std::int64_t out, bool temporal) {
  Resample layer{declare_2d(scope / "resample" / 1, dim, out, 3), {}};
  if (temporal) layer.temporal = declare_3d(scope / "time_conv", dim, 2 * dim, 3, 1);
  return layer;
}

Stage declare_middle(const Scope& scope, std::int64_t dim) {
  Stage middle;
  middle.layers.push_back(declare_residual(scope / 0, dim, dim));
  middle.layers.push_back(declare_attention(scope / 1, dim));
  middle.layers.push_back(declare_residual(scope / 2, dim, dim));
  return middle;
}

// Names the layers of all stages: "stages.3" in one row with 2.1, "stages.1.stages.0" by stage with 2.2.
class StageNames {
 public:
  StageNames(const Scope& scope, std::string_view name, bool nested)
      : list_(scope / name), name_(name), nested_(nested) {}

  void begin_stage() {
    ++stage_;
    if (nested_) layer_ = 0;
  }
  Scope next() { return nested_ ? list_ / (stage_ - 1) / name_ / layer_++ : list_ / layer_++; }

 private:
  Scope list_;
  std::string name_;
  bool nested_;
  std::int64_t stage_ = 0, layer_ = 0;
};

bool has_attention(const WanVaeConfig& config, double scale) {
  return std::find(config.attn_scales.begin(), config.attn_scales.end(), scale) != config.attn_scales.end();
}

// A stage's residual blocks, each followed by attention where the config has it at this scale.
void declare_blocks(Stage& stage, StageNames& names, std::pair<std::int64_t, std::int64_t> dims, std::int64_t count,
                    bool attention) {
  for (std::int64_t i = 0; i < count; ++i) {
    stage.layers.push_back(declare_residual(names.next(), i == 0 ? dims.first : dims.second, dims.second));
    if (attention) stage.layers.push_back(declare_attention(names.next(), dims.second));
  }
}

Coder declare_encoder(const Scope& scope, const WanVaeConfig& config) {
  Coder coder;
  const std::size_t count = config.dim_mult.size();
  StageNames names(scope, "downsamples", config.residual());
  std::int64_t dim = config.dim;
  double scale = 1.0;
  coder.first = declare_3d(scope / "conv1", 3 * config.patch() * config.patch(), dim, 3, 3);
  for (std::size_t i = 0; i < count; ++i, scale /= 2.0) {
    const std::int64_t out = config.dim * config.dim_mult[i];
    const bool halves = i + 1 < count, temporal = halves && config.temporal_downsample[i];
    Stage& stage = coder.stages.emplace_back();
    names.begin_stage();
    declare_blocks(stage, names, {dim, out}, config.num_res_blocks, has_attention(config, scale));
    if (halves) stage.layers.push_back(declare_downsample(names.next(), out, temporal));
    if (config.residual()) stage.shortcut = Shortcut{temporal ? 2 : 1, halves ? 2 : 1, out};
    dim = out;
  }
  coder.middle = declare_middle(scope / "middle", dim);
  coder.norm = (scope / "head" / 0).parameter("gamma", {dim, 1, 1, 1}, Init::ones);
  coder.last = declare_3d(scope / "head" / 2, dim, 2 * config.z_dim, 3, 3);
  return coder;
}

Coder declare_decoder(const Scope& scope, const WanVaeConfig& config) {
  Coder coder;
  coder.upward = true;
  const std::size_t count = config.dim_mult.size();
  StageNames names(scope, "upsamples", config.residual());
  std::int64_t dim = config.dec_dim * config.dim_mult.back();
  double scale = std::ldexp(1.0, 2 - static_cast<int>(count));
  coder.first = declare_3d(scope / "conv1", config.z_dim, dim, 3, 3);
  coder.middle = declare_middle(scope / "middle", dim);
  for (std::size_t i = 0; i < count; ++i, scale *= 2.0) {
    const std::int64_t out = config.dec_dim * config.dim_mult[count - 1 - i];
    const bool doubles = i + 1 < count, temporal = doubles && config.temporal_downsample[count - 2 - i];
    Stage& stage = coder.stages.emplace_back();
    names.begin_stage();
    declare_blocks(stage, names, {dim, out}, config.num_res_blocks + 1, has_attention(config, scale));
    dim = config.residual() || !doubles ? out : out / 2;
    if (doubles) stage.layers.push_back(declare_upsample(names.next(), out, dim, temporal));
    if (config.residual() && doubles) stage.shortcut = Shortcut{temporal ? 2 : 1, 2, out};
  }
  coder.norm = (scope / "head" / 0).parameter("gamma", {dim, 1, 1, 1}, Init::ones);
  coder.last = declare_3d(scope / "head" / 2, dim, 3 * config.patch() * config.patch(), 3, 3);
  return coder;
}

at::Tensor run_stage(const Stage& stage, at::Tensor x, Memory& memory, bool upward) {
  at::Tensor around = stage.shortcut ? x : at::Tensor();
  if (stage.shortcut && !upward) around = average_down(*stage.shortcut, x);
  for (const auto& layer : stage.layers) {
    if (const auto* residual = std::get_if<ResidualBlock>(&layer)) {
      x = residual_block(*residual, std::move(x), memory);
    } else if (const auto* attention = std::get_if<AttentionBlock>(&layer)) {
      x = attention_block(*attention, std::move(x));
    } else {
      const auto& resample = std::get<Resample>(layer);
      x = upward ? upsample(resample, std::move(x), memory) : downsample(resample, std::move(x), memory);
    }
  }
  if (!stage.shortcut) return x;
  return upward ? add_duplicated(*stage.shortcut, std::move(x), around, memory.first()) : x + around;
}

}  // namespace

Network declare_network(const Scope& root, const WanVaeConfig& config) {
  Network network;
  network.config = config;
  network.encoder = declare_encoder(root / "encoder", config);
  network.conv1 = declare_3d(root / "conv1", 2 * config.z_dim, 2 * config.z_dim, 1, 1);
  network.conv2 = declare_3d(root / "conv2", config.z_dim, config.z_dim, 1, 1);
  network.decoder = declare_decoder(root / "decoder", config);
  network.mean = at::tensor(config.mean, at::kDouble);
  network.std = at::tensor(config.std, at::kDouble);
  return network;
}

at::Tensor run_coder(const Coder& coder, at::Tensor x, Memory& memory) {
  memory.begin_chunk();
  x = causal_convolution(coder.first, x, memory);
  if (coder.upward) x = run_stage(coder.middle, std::move(x), memory, coder.upward);
  for (const Stage& stage : coder.stages) x = run_stage(stage, std::move(x), memory, coder.upward);
  if (!coder.upward) x = run_stage(coder.middle, std::move(x), memory, coder.upward);
  return causal_convolution(coder.last, activated(coder.norm, x), memory);
}

}  // namespace action_images::wan_vae
