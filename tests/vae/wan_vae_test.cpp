// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/vae/wan_vae.hpp>
#include <action_images/vae/wan_vae_names.hpp>

using namespace action_images;

namespace {

WanVaeConfig small(const char* version) {
  WanVaeConfig config = wan_vae_preset(version);
  config.dim = 6;
  config.dec_dim = version == std::string("2.1") ? 6 : 8;
  config.z_dim = 4;
  config.num_res_blocks = 1;
  config.mean = {0.1, -0.2, 0.3, 0.4};
  config.std = {0.5, 1.0, 2.0, 0.25};
  return config;
}

WanVae random_vae(const char* version) {
  WanVae vae(small(version));
  vae.parameters().initialize(3);
  return vae;
}

at::Tensor random_video(const WanVae& vae, std::int64_t frames, std::int64_t batch = 1) {
  const std::int64_t s = vae.spatial_stride();
  return at::rand({batch, 3, frames, 2 * s, s}) * 2.0 - 1.0;
}

at::Tensor pushed(auto stream, const at::Tensor& clip, const std::vector<std::int64_t>& groups) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : clip.split_with_sizes(groups, 2)) parts.push_back(stream.push(part));
  return at::cat(parts, 2);
}

}  // namespace

TEST_CASE("Wan: 4k + 1 frames become k + 1 latent frames and back") {
  for (const char* version : {"2.1", "2.2"}) {
    const WanVae vae = random_vae(version);
    const std::int64_t s = vae.spatial_stride();
    CHECK(s == (version == std::string("2.1") ? 8 : 16));
    for (const std::int64_t k : {0, 1, 2}) {
      const at::Tensor latents = vae.encode(random_video(vae, 4 * k + 1, 2));
      CHECK(latents.sizes() == at::IntArrayRef({2, 4, k + 1, 2, 1}));
      CHECK(vae.decode(latents).sizes() == at::IntArrayRef({2, 3, 4 * k + 1, 2 * s, s}));
    }
  }
}

TEST_CASE("Wan: the bits of a clip do not depend on how its frames are grouped into calls") {
  for (const char* version : {"2.1", "2.2"}) {
    const WanVae vae = random_vae(version);
    const at::Tensor video = random_video(vae, 9), latents = vae.encode(video), decoded = vae.decode(latents);
    for (const auto& groups : std::vector<std::vector<std::int64_t>>{{9}, {1, 4, 4}, {3, 0, 6}, {8, 1}}) {
      CHECK(at::equal(pushed(WanVaeEncoder(vae), video, groups), latents));
    }
    for (const auto& groups : std::vector<std::vector<std::int64_t>>{{3}, {1, 1, 1}, {2, 0, 1}}) {
      CHECK(at::equal(pushed(WanVaeDecoder(vae), latents, groups), decoded));
    }
  }
}

TEST_CASE("Wan: latents are the mean of the posterior, normalised per channel") {
  WanVaeConfig plain = small("2.2");
  plain.mean = {0.0, 0.0, 0.0, 0.0};
  plain.std = {1.0, 1.0, 1.0, 1.0};
  const WanVae vae = random_vae("2.2");
  WanVae unnormalised(plain);
  unnormalised.parameters().load(vae.parameters().state());
  const at::Tensor video = random_video(vae, 5);
  const at::Tensor mean = at::tensor({0.1F, -0.2F, 0.3F, 0.4F}).view({1, 4, 1, 1, 1});
  const at::Tensor std = at::tensor({0.5F, 1.0F, 2.0F, 0.25F}).view({1, 4, 1, 1, 1});
  const at::Tensor raw = unnormalised.encode(video);
  CHECK(at::allclose(vae.encode(video), (raw - mean) / std, 1e-5, 1e-6));
  CHECK(at::allclose(vae.decode((raw - mean) / std, false), unnormalised.decode(raw, false), 1e-4, 1e-4));
}

TEST_CASE("Wan: constant latents give equal frames far from the beginning") {
  const WanVae vae = random_vae("2.1");
  const at::Tensor latents = at::randn({1, 4, 1, 2, 2}).expand({1, 4, 48, 2, 2}).contiguous();
  const at::Tensor video = vae.decode(latents, false);
  CHECK(at::allclose(video.narrow(2, 181, 4), video.narrow(2, 185, 4), 1e-5, 1e-5));
}

TEST_CASE("Wan: a fresh network is the same for the same seed, and its features keep their size") {
  const WanVae one = random_vae("2.2"), two = random_vae("2.2");
  const at::Tensor video = random_video(one, 1);
  CHECK(at::equal(one.encode(video), two.encode(video)));
  CHECK(one.encode(video).isfinite().all().item<bool>());
}

TEST_CASE("Wan: a config makes an equal VAE again, by its kind") {
  const WanVae vae = random_vae("2.1");
  const auto again = make_video_vae(vae.config());
  again->parameters().load(vae.parameters().state());
  const at::Tensor video = random_video(vae, 5);
  CHECK(at::equal(again->encode(video), vae.encode(video)));
  CHECK(again->config() == vae.config());
}

TEST_CASE("Wan: the published sizes are the presets") {
  CHECK(wan_vae_preset("2.2").spatial_stride() == 16);
  CHECK(wan_vae_preset("2.1").spatial_stride() == 8);
  CHECK(wan_vae_preset("2.1").temporal_stride() == 4);
  CHECK(wan_vae_preset("2.2").mean.size() == 48);
  CHECK(wan_vae_config({{"version", "2.1"}, {"dim", 8}}).dec_dim == 8);
  CHECK_THROWS_WITH_AS(wan_vae_preset("2.3"), "[vae::wan_vae_config] version: expected \"2.1\" or \"2.2\", got \"2.3\"",
                       ValueError);
}

TEST_CASE("Wan: a callback that returns false stops") {
  const WanVae vae = random_vae("2.2");
  std::vector<std::int64_t> seen;
  const VaeOptions options{.progress = [&](std::int64_t done, std::int64_t total) {
    CHECK(total == 3);
    seen.push_back(done);
    return done < 2;
  }};
  CHECK_THROWS_AS(vae.encode(random_video(vae, 9), options), Interrupted);
  CHECK(seen == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("Wan: names that would become one are refused") {
  const at::Tensor any = at::zeros({1});
  CHECK(wan_vae_from_diffusers({{"quant_conv.bias", any}}).count("conv1.bias") == 1);
  CHECK_THROWS_AS(wan_vae_from_diffusers({{"quant_conv.bias", any}, {"conv1.bias", any}}), FormatError);
}
