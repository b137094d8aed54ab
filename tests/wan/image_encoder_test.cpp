// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/image_encoder.hpp>

#include <string>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

constexpr WanImageEncoderConfig small{
    .image_size = 28, .patch_size = 7, .dim = 24, .ffn_dim = 40, .num_heads = 3, .num_layers = 3};

WanImageEncoder random_encoder() {
  WanImageEncoder encoder(small);
  encoder.parameters().initialize(2);
  return encoder;
}

const at::Tensor images = at::rand({2, 3, 30, 41}) * 2 - 1;

}  // namespace

TEST_CASE("parameters carry the published names, without the last layer and the head") {
  const TensorMap state = WanImageEncoder(small).parameters().state();
  CHECK(state.size() == 5U + 2U * 12U);
  CHECK(state.at("visual.pos_embedding").sizes() == at::IntArrayRef({1, 17, 24}));
  CHECK(state.at("visual.transformer.1.attn.to_qkv.weight").sizes() == at::IntArrayRef({72, 24}));
  CHECK(state.count("visual.transformer.2.norm1.weight") == 0);
  CHECK(state.count("visual.post_norm.weight") == 0);
}

TEST_CASE("a batch of pictures is each of them alone, whatever their size") {
  const WanImageEncoder encoder = random_encoder();
  const at::Tensor tokens = encoder.encode(images);
  REQUIRE(tokens.sizes() == at::IntArrayRef({2, 17, 24}));
  CHECK(at::allclose(encoder.encode(images.narrow(0, 1, 1)), tokens.narrow(0, 1, 1), 1e-5, 1e-5));
  CHECK(encoder.encode(images.slice(2, 0, 1)).sizes() == tokens.sizes());
}

TEST_CASE("pixels of a picture that has the size already are only normalised") {
  const at::Tensor square = images.narrow(3, 0, 30), pixels = clip_pixels(square, 30);
  const at::Tensor grey = clip_pixels(at::zeros({1, 3, 5, 9}, at::kBFloat16), 4);
  CHECK(at::allclose(pixels.select(1, 0), (square.select(1, 0) * 0.5 + 0.5 - 0.48145466) / 0.26862954));
  CHECK(at::allclose(grey.select(1, 2), at::full({1, 4, 4}, (0.5 - 0.40821073) / 0.27577711)));
  CHECK((grey.scalar_type() == at::kFloat));
}

TEST_CASE("gradients reach every parameter, and bfloat16 stays near float32") {
  WanImageEncoder encoder = random_encoder();
  encoder.parameters().requires_grad(true);
  const at::Tensor tokens = encoder.encode(images);
  tokens.square().sum().backward();
  for (const auto& [name, parameter] : encoder.parameters().named()) {
    CAPTURE(name);
    CHECK((parameter.grad().defined() && parameter.grad().isfinite().all().item<bool>()));
  }
  encoder.parameters().to(at::kBFloat16);
  const at::Tensor rough = encoder.encode(images);
  CHECK((rough.scalar_type() == at::kBFloat16));
  CHECK((rough.to(at::kFloat) - tokens).norm().item<double>() < 0.02 * tokens.norm().item<double>());
}

TEST_CASE("of a published file what the encoder needs is taken, in front of its names model. or nothing") {
  TensorMap published = random_encoder().parameters().state();
  const std::size_t needed = published.size();
  for (const char* name : {"visual.transformer.2.norm1.weight", "visual.post_norm.weight", "visual.head", "log_scale",
                           "textual.token_embedding.weight"}) {
    published.emplace(name, at::ones({1}));
  }
  TensorMap prefixed;
  for (const auto& [name, tensor] : published) prefixed.emplace("model." + name, tensor);
  WanImageEncoder encoder(small);
  for (const TensorMap& tensors : {published, prefixed}) {
    const TensorMap taken = wan_image_encoder_tensors(tensors, small);
    CHECK(taken.size() == needed);
    CHECK_NOTHROW(encoder.parameters().load(taken));
  }
  published.emplace("other", at::ones({1}));
  CHECK_THROWS_AS(encoder.parameters().load(wan_image_encoder_tensors(published, small)), FormatError);
  CHECK_THROWS_WITH_AS(
      wan_image_encoder_tensors({{"vision_model.encoder.layers.0.self_attn.q_proj.bias", at::ones({24})}}, small),
      "[wan::wan_image_encoder_tensors] visual.transformer.0.attn.to_qkv.bias: expected q, k and v, got less than "
      "these "
      "three",
      FormatError);
}

TEST_CASE("two tensors of one meaning, or q, k and v of different shapes, are refused") {
  const at::Tensor one = at::ones({24});
  CHECK_THROWS_WITH_AS(
      wan_image_encoder_tensors({{"visual.cls_embedding", one}, {"model.visual.cls_embedding", one}}),
      "[wan::wan_image_encoder_tensors] visual.cls_embedding: expected one tensor of this meaning, got two",
      FormatError);
  const std::string attention = "vision_model.encoder.layers.0.self_attn.";
  CHECK_THROWS_AS(wan_image_encoder_tensors({{attention + "q_proj.bias", one},
                                             {attention + "k_proj.bias", one},
                                             {attention + "v_proj.bias", at::ones({24, 1})}}),
                  FormatError);
}

TEST_CASE("a config survives JSON, and the preset is ViT-H/14") {
  CHECK(wan_image_encoder_config_json(wan_image_encoder_config(wan_image_encoder_config_json(small))) ==
        wan_image_encoder_config_json(small));
  CHECK(wan_image_encoder_config({{"preset", "wan2.1-clip"}}).tokens() == 257);
}

TEST_CASE("what does not fit is refused by name") {
  const WanImageEncoder encoder = random_encoder();
  CHECK_THROWS_WITH_AS(encoder.encode(images[0]), "[wan::clip_pixels] images: expected (B, 3, H, W), got (3, 30, 41)",
                       ShapeError);
  CHECK_THROWS_AS(encoder.encode(images.narrow(3, 0, 0)), ShapeError);
  CHECK_THROWS_AS(encoder.encode(images.to(at::kByte)), ValueError);
  CHECK_THROWS_AS(clip_pixels(images, 0), ValueError);
  CHECK_THROWS_WITH_AS(
      wan_image_encoder_config({{"image_size", 30}}),
      "[wan::wan_image_encoder_config] image_size: expected a multiple of patch_size = 14, at most 4096, "
      "got 30",
      ValueError);
  CHECK_THROWS_AS(wan_image_encoder_config({{"num_layers", 1}}), ValueError);
  CHECK_THROWS_AS(wan_image_encoder_config({{"dim", 100}}), ValueError);
  CHECK_THROWS_AS(wan_image_encoder_config({{"eps", 0}}), ValueError);
  CHECK_THROWS_AS(wan_image_encoder_config({{"width", 3}}), ValueError);
  CHECK_THROWS_AS(wan_image_encoder_config({{"preset", "clip"}}), ValueError);
}
