// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/image_encoder.hpp>

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

WanImageEncoder::Block declare_block(const Scope& scope, const WanImageEncoderConfig& config) {
  WanImageEncoder::Block block;
  block.norm1 = nn::declare_layer_norm(scope / "norm1", config.dim);
  block.to_qkv = nn::declare_linear(scope / "attn" / "to_qkv", config.dim, 3 * config.dim);
  block.proj = nn::declare_linear(scope / "attn" / "proj", config.dim, config.dim);
  block.norm2 = nn::declare_layer_norm(scope / "norm2", config.dim);
  block.mlp_in = nn::declare_linear(scope / "mlp" / 0, config.dim, config.ffn_dim);
  block.mlp_out = nn::declare_linear(scope / "mlp" / 2, config.ffn_dim, config.dim);
  return block;
}

at::Tensor attend(const WanImageEncoder::Block& block, const at::Tensor& x, std::int64_t heads) {
  const auto qkv = nn::linear(block.to_qkv, x).chunk(3, -1);
  return nn::linear(block.proj, nn::attention(nn::split_heads(qkv[0], heads), nn::split_heads(qkv[1], heads),
                                              nn::split_heads(qkv[2], heads)));
}

at::Tensor feed_forward(const WanImageEncoder::Block& block, const at::Tensor& x) {
  return nn::linear(block.mlp_out, at::gelu(nn::linear(block.mlp_in, x)));
}

}  // namespace

at::Tensor clip_pixels(const at::Tensor& images, std::int64_t size) {
  constexpr auto where = "wan::clip_pixels";
  check_shape(images.dim() == 4 && images.size(1) == 3 && images.numel() > 0, where, "images", "(B, 3, H, W)",
              images.sizes());
  check(images.is_floating_point(), where, "images", "a floating-point dtype", images.scalar_type());
  check(size >= 1 && size <= 4096, where, "size", "1 to 4096", size);
  const auto options = images.options().dtype(at::kFloat);
  const at::Tensor mean = at::tensor({0.48145466, 0.4578275, 0.40821073}, options).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.26862954, 0.26130258, 0.27577711}, options).view({3, 1, 1});
  const at::Tensor square = at::upsample_bicubic2d(images.to(at::kFloat), {size, size}, /*align_corners=*/false);
  return (square * 0.5 + 0.5 - mean) / deviation;
}

WanImageEncoder::WanImageEncoder(const WanImageEncoderConfig& config, Parameters parameters)
    : config_(config), parameters_(std::move(parameters)) {
  check_wan_image_encoder_config(config_);
  const Scope visual = Scope(parameters_) / "visual";
  cls_embedding_ = visual.parameter("cls_embedding", {1, 1, config.dim}, Init::normal_width);
  pos_embedding_ = visual.parameter("pos_embedding", {1, config.tokens(), config.dim}, Init::normal_width);
  patch_embedding_ = (visual / "patch_embedding")
                         .parameter("weight", {config.dim, 3, config.patch_size, config.patch_size}, Init::normal_002);
  pre_norm_ = nn::declare_layer_norm(visual / "pre_norm", config.dim);
  for (std::int64_t layer = 0; layer + 1 < config.num_layers; ++layer) {
    blocks_.push_back(declare_block(visual / "transformer" / layer, config));
  }
  parameters_.finish();
}

at::Tensor WanImageEncoder::encode(const at::Tensor& images) const {
  const at::Tensor pixels = clip_pixels(images, config_.image_size).to(patch_embedding_.scalar_type());
  const at::Tensor patches = at::conv2d(pixels, patch_embedding_, {}, config_.patch_size).flatten(2).transpose(1, 2);
  at::Tensor x = at::cat({cls_embedding_.expand({images.size(0), -1, -1}), patches}, 1) + pos_embedding_;
  x = nn::layer_norm(x, config_.eps, pre_norm_);
  for (const Block& block : blocks_) {
    x = x + attend(block, nn::layer_norm(x, config_.eps, block.norm1), config_.num_heads);
    x = x + feed_forward(block, nn::layer_norm(x, config_.eps, block.norm2));
  }
  return x;
}

}  // namespace action_images
