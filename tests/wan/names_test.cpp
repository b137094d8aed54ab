// SPDX-License-Identifier: Apache-2.0
#include <action_images/wan/names.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/wan/lora.hpp>
#include <action_images/wan/transformer.hpp>

using namespace action_images;

TEST_CASE("names of wrappers and of diffusers become Wan's, and other names are none") {
  CHECK(wan_transformer_name("blocks.3.self_attn.q.weight") == "blocks.3.self_attn.q.weight");
  CHECK(wan_transformer_name("module.pipe.dit.blocks.3.cam_encoder.2.bias") == "blocks.3.cam_encoder.2.bias");
  CHECK(wan_transformer_name("model.blocks.3.attn1.to_q.weight") == "blocks.3.self_attn.q.weight");
  CHECK(wan_transformer_name("blocks.12.attn2.to_out.0.bias") == "blocks.12.cross_attn.o.bias");
  CHECK(wan_transformer_name("blocks.12.norm2.bias") == "blocks.12.norm3.bias");
  CHECK(wan_transformer_name("blocks.0.attn2.norm_added_k.weight") == "blocks.0.cross_attn.norm_k_img.weight");
  CHECK(wan_transformer_name("scale_shift_table") == "head.modulation");
  CHECK(wan_transformer_name("blocks.1.scale_shift_table") == "blocks.1.modulation");
  CHECK(wan_transformer_name("condition_embedder.image_embedder.ff.net.0.proj.weight") == "img_emb.proj.1.weight");
  for (const char* name :
       {"", "blocks.", "blocks.3", "blocks.x.norm2.bias", "vae.conv1.weight", "scale_shift_table_2"}) {
    CHECK_FALSE(wan_transformer_name(name).has_value());
  }
}

TEST_CASE("a network's config is that of its tensors") {
  WanConfig config{.dim = 128,
                   .in_dim = 6,
                   .ffn_dim = 20,
                   .out_dim = 5,
                   .text_dim = 7,
                   .freq_dim = 8,
                   .num_heads = 1,
                   .num_layers = 2};
  config.camera_channels = 10;
  config.camera_pool = {2, 16, 16};
  const WanTransformer network(config);
  const WanConfig read = wan_config_from_tensors(network.parameters().state());
  CHECK(read.dim == 128);
  CHECK(read.in_dim == 6);
  CHECK(read.ffn_dim == 20);
  CHECK(read.out_dim == 5);
  CHECK(read.text_dim == 7);
  CHECK(read.freq_dim == 8);
  CHECK(read.num_heads == 1);
  CHECK(read.num_layers == 2);
  CHECK(read.camera_channels == 10);
  CHECK(read.camera_pool == config.camera_pool);
  CHECK_THROWS_AS(wan_config_from_tensors({}), FormatError);
}

TEST_CASE("camera layers are added once, with a notice") {
  const WanConfig plain{.dim = 128,
                        .in_dim = 6,
                        .ffn_dim = 20,
                        .out_dim = 5,
                        .text_dim = 7,
                        .freq_dim = 8,
                        .num_heads = 1,
                        .num_layers = 2};
  WanConfig config = plain;
  config.camera_channels = 10;
  config.camera_pool = {2, 1, 1};
  int told = 0;
  const auto tell = [&](const std::string&) { ++told; };
  const TensorMap tensors = with_camera_layers(WanTransformer(plain).parameters().state(), config, tell);
  CHECK(told == 1);
  CHECK(at::equal(tensors.at("blocks.1.projector.weight"), at::eye(128)));
  CHECK(tensors.at("blocks.0.cam_encoder.2.weight").sizes() == at::IntArrayRef({128, 2}));
  CHECK(with_camera_layers(tensors, config, tell).size() == tensors.size());
  CHECK(told == 1);
  CHECK_NOTHROW(WanTransformer(config, Parameters(tensors)));
}

TEST_CASE("a LoRA adds scale alpha / rank B A") {
  const TensorMap base = {{"blocks.0.ffn.0.weight", at::ones({3, 4})}};
  const TensorMap pair = {{"diffusion_model.blocks.0.ffn.0.lora_A.weight", at::full({2, 4}, 0.5)},
                          {"diffusion_model.blocks.0.ffn.0.lora_B.weight", at::full({3, 2}, 3.0)},
                          {"diffusion_model.blocks.0.ffn.0.alpha", at::scalar_tensor(8.0)}};
  const TensorMap merged = merge_lora(base, Lora(pair), 0.25);
  CHECK(at::allclose(merged.at("blocks.0.ffn.0.weight"), at::full({3, 4}, 1.0 + 0.25 * (8.0 / 2.0) * 3.0)));
  CHECK_THROWS_AS(merge_lora({}, Lora(pair)), FormatError);
}
