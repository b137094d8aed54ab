// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>

#include <action_images/core/check.hpp>
#include <action_images/wan/names.hpp>

namespace action_images {

namespace {

constexpr const char* where = "wan::wan_config_from_tensors";
constexpr std::int64_t camera_side = 16;  // rows and columns that a released camera encoder averages to

// The sizes of a tensor that must be there with so many axes.
at::IntArrayRef sizes_of(const TensorMap& tensors, const std::string& name, std::int64_t axes) {
  const auto found = tensors.find(name);
  check<FormatError>(found != tensors.end() && found->second.defined(), where, name,
                     "a transformer's tensors under Wan's names", "no tensor of that name");
  const bool fits = found->second.dim() == axes;
  check<FormatError>(fits, where, name, text_of(axes, " axes"), shape_text(found->second.sizes()));
  return found->second.sizes();
}

std::int64_t count_layers(const TensorMap& tensors, const std::string& prefix, const std::string& name) {
  std::int64_t layers = 0;
  while (tensors.count(text_of(prefix, layers, '.', name)) > 0) ++layers;
  return layers;
}

std::array<std::int64_t, 3> camera_pool(std::int64_t values) {
  constexpr std::int64_t places = camera_side * camera_side;
  if (values % places == 0) return {values / places, camera_side, camera_side};
  return {values, 1, 1};
}

std::int64_t heads_of(const WanConfig& config, std::int64_t head_dim) {
  const bool whole = head_dim > 0 && config.dim % head_dim == 0;
  check<FormatError>(whole, where, "dim", text_of("a multiple of the ", head_dim, " channels of a head"), config.dim);
  return config.dim / head_dim;
}

void read_camera_layers(const TensorMap& tensors, WanConfig& config) {
  const std::string name = "blocks.0.cam_encoder.2.weight";
  if (tensors.count(name) == 0) return;
  config.camera_channels = 2 * config.out_dim;
  config.camera_pool = camera_pool(sizes_of(tensors, name, 2)[1]);
}

void read_image_stem(const TensorMap& tensors, WanConfig& config) {
  const std::int64_t layers = count_layers(tensors, "image_stem.", "weight");
  for (std::int64_t layer = 0; layer + 1 < layers; ++layer) {
    config.image_stem.push_back(sizes_of(tensors, text_of("image_stem.", layer, ".weight"), 4)[0]);
  }
}

}  // namespace

WanConfig wan_config_from_tensors(const TensorMap& tensors, std::int64_t head_dim) {
  WanConfig config;
  const auto patch = sizes_of(tensors, "patch_embedding.weight", 5);
  config.dim = patch[0];
  config.in_dim = patch[1];
  config.patch_size = {patch[2], patch[3], patch[4]};
  config.ffn_dim = sizes_of(tensors, "blocks.0.ffn.0.weight", 2)[0];
  config.text_dim = sizes_of(tensors, "text_embedding.0.weight", 2)[1];
  config.freq_dim = sizes_of(tensors, "time_embedding.0.weight", 2)[1];
  config.out_dim =
      sizes_of(tensors, "head.head.weight", 2)[0] / std::max<std::int64_t>(patch[2] * patch[3] * patch[4], 1);
  config.num_layers = count_layers(tensors, "blocks.", "ffn.0.weight");
  config.num_heads = heads_of(config, head_dim);
  config.has_image_input = tensors.count("img_emb.proj.1.weight") > 0;
  read_camera_layers(tensors, config);
  read_image_stem(tensors, config);
  try {
    check_wan_config(config);
  } catch (const ValueError& error) {  // shapes that no network has
    throw FormatError(error.what());
  }
  return config;
}

TensorMap with_camera_layers(TensorMap tensors, const WanConfig& config, const Notice& notice) {
  if (config.camera_channels == 0) return tensors;
  const auto patch = tensors.find("patch_embedding.weight");
  check<FormatError>(patch != tensors.end(), "wan::with_camera_layers", "patch_embedding.weight",
                     "a transformer's tensors under Wan's names", "no tensor of that name");
  const at::TensorOptions options = patch->second.options();
  const auto& pool = config.camera_pool;
  std::int64_t added = 0;
  const auto add = [&](const std::string& name, const auto& make) {
    if (tensors.count(name) > 0) return;
    tensors.emplace(name, make());
    ++added;
  };
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::string block = text_of("blocks.", layer, '.');
    const std::int64_t width = pool[0] * pool[1] * pool[2];
    add(block + "cam_encoder.2.weight", [&] { return at::zeros({config.dim, width}, options); });
    add(block + "cam_encoder.2.bias", [&] { return at::zeros({config.dim}, options); });
    add(block + "projector.weight", [&] { return at::eye(config.dim, options); });
    add(block + "projector.bias", [&] { return at::zeros({config.dim}, options); });
  }
  if (added > 0 && notice) {
    notice(text_of("the weights lack ", added, " of the camera layers' ", 4 * config.num_layers,
                   " tensors: cam_encoder is zero and projector the identity there, which change nothing"));
  }
  return tensors;
}

}  // namespace action_images
