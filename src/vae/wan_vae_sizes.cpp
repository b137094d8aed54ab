// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <vector>

#include <action_images/core/check.hpp>
#include <action_images/vae/wan_vae_names.hpp>

namespace action_images {
namespace {

constexpr auto where = "vae::wan_vae_config_from_tensors";

at::IntArrayRef sizes_of(const TensorMap& tensors, const std::string& name, std::int64_t axes) {
  const auto found = tensors.find(name);
  check<FormatError>(found != tensors.end(), where, name, text_of("a tensor of ", axes, " axes"),
                     "no tensor of that name");
  check<FormatError>(found->second.dim() == axes, where, name, text_of("a tensor of ", axes, " axes"),
                     shape_text(found->second.sizes()));
  return found->second.sizes();
}

// What the encoder's stages are made of.
struct Stages {
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> blocks;
  std::vector<bool> attention;
  std::vector<bool> temporal;  // of the resampler at the end of a stage; one less than stages
};

// One layer of the encoder, added to the stage that it belongs to. False if there is no layer of that name.
bool add_layer(Stages& stages, const TensorMap& tensors, const std::string& layer, bool begins) {
  const bool residual = tensors.count(layer + "residual.2.weight") > 0;
  const bool attention = tensors.count(layer + "to_qkv.weight") > 0;
  const bool resample = tensors.count(layer + "resample.1.weight") > 0;
  if (!residual && !attention && !resample) return false;
  if (begins) {
    stages.widths.push_back(sizes_of(tensors, layer + "residual.2.weight", 5)[0]);
    stages.blocks.push_back(0);
    stages.attention.push_back(false);
  }
  if (residual) ++stages.blocks.back();
  if (attention) stages.attention.back() = true;
  if (resample) stages.temporal.push_back(tensors.count(layer + "time_conv.weight") > 0);
  return true;
}

// 2.2: "downsamples.STAGE.downsamples.LAYER."
Stages nested_stages(const TensorMap& tensors) {
  Stages stages;
  for (std::int64_t stage = 0;; ++stage) {
    std::int64_t layer = 0;
    while (add_layer(stages, tensors, text_of("encoder.downsamples.", stage, ".downsamples.", layer, '.'), layer == 0))
      ++layer;
    if (layer == 0) return stages;
  }
}

// 2.1: "downsamples.LAYER.", a stage ends with its resampler.
Stages flat_stages(const TensorMap& tensors) {
  Stages stages;
  for (std::int64_t layer = 0;; ++layer) {
    const bool begins = stages.temporal.size() == stages.widths.size();
    if (!add_layer(stages, tensors, text_of("encoder.downsamples.", layer, '.'), begins)) return stages;
  }
}

}  // namespace

WanVaeConfig wan_vae_config_from_tensors(const TensorMap& tensors) {
  const at::IntArrayRef first = sizes_of(tensors, "encoder.conv1.weight", 5);
  WanVaeConfig config;
  config.version = first[1] == 12 ? "2.2" : "2.1";
  config.dim = first[0];
  config.z_dim = sizes_of(tensors, "conv2.weight", 5)[0];
  const Stages stages = config.residual() ? nested_stages(tensors) : flat_stages(tensors);
  const bool complete = !stages.widths.empty() && stages.temporal.size() + 1 == stages.widths.size() && config.dim > 0;
  check<FormatError>(complete, where, "encoder.downsamples", "stages with a resampler between each two",
                     text_of(stages.widths.size(), " stages and ", stages.temporal.size(), " resamplers"));
  config.dim_mult.clear();
  for (const std::int64_t width : stages.widths) config.dim_mult.push_back(width / config.dim);
  config.num_res_blocks = stages.blocks.front();
  config.temporal_downsample = stages.temporal;
  for (std::size_t stage = 0; stage < stages.attention.size(); ++stage) {
    if (stages.attention[stage]) config.attn_scales.push_back(std::ldexp(1.0, -static_cast<int>(stage)));
  }
  const std::int64_t last = sizes_of(tensors, "decoder.head.0.gamma", 4)[0];
  config.dec_dim = config.dim_mult.front() > 0 ? last / config.dim_mult.front() : last;
  return checked(config);
}

}  // namespace action_images
