// SPDX-License-Identifier: Apache-2.0
#include <action_images/vae/patch_vae.hpp>

#include <cmath>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <action_images/core/error.hpp>

using namespace action_images;

namespace {

constexpr PatchVaeConfig small{.channels = 6, .spatial_patch = 2, .temporal_patch = 4};  // patches of 48 numbers

at::Tensor random_video(std::int64_t batch, std::int64_t frames, std::int64_t height, std::int64_t width) {
  return at::rand({batch, 3, frames, height, width}) * 2.0 - 1.0;
}

// A smooth clip: few components hold nearly all of it.
at::Tensor smooth_video(std::int64_t batch, std::int64_t frames) {
  const at::Tensor coarse = random_video(batch, frames, 2, 2);
  return at::upsample_trilinear3d(coarse, {frames, 16, 16}, true);
}

PatchVae fitted(std::int64_t channels, double std_power = 0.5) {
  PatchVaeFit fit(small);
  fit.add(smooth_video(4, 9));
  return fit.solve(channels, std_power);
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

}  // namespace

TEST_CASE("4k + 1 frames become k + 1 latent frames and back") {
  const PatchVae vae(PatchVaeConfig{.channels = 48});
  for (const std::int64_t k : {0, 1, 2}) {
    const at::Tensor latents = vae.encode(random_video(2, 4 * k + 1, 16, 24));
    CHECK(latents.sizes() == at::IntArrayRef({2, 48, k + 1, 2, 3}));
    CHECK(vae.decode(latents).sizes() == at::IntArrayRef({2, 3, 4 * k + 1, 16, 24}));
    CHECK(vae.latent_frames(4 * k + 1) == k + 1);
    CHECK(vae.frames(k + 1) == 4 * k + 1);
  }
}

TEST_CASE("with every component kept, decode inverts encode") {
  PatchVaeFit fit(small);
  fit.add(random_video(8, 9, 16, 16));
  const PatchVae vae = fit.solve(small.patch_size(), 0.5);
  const at::Tensor video = random_video(2, 9, 16, 16);
  CHECK(largest(vae.decode(vae.encode(video)) - video) < 1e-4);
}

TEST_CASE("smooth videos survive few components") {
  const PatchVae vae = fitted(12);
  const at::Tensor video = smooth_video(2, 9);
  CHECK((vae.decode(vae.encode(video)) - video).square().mean().item<double>() < 0.02 * video.var().item<double>());
}

TEST_CASE("more components never reconstruct worse") {
  const at::Tensor video = smooth_video(2, 9);
  double before = 1e9;
  PatchVaeFit fit(small);
  fit.add(video);
  for (const std::int64_t channels : {1, 4, 12, 48}) {
    const PatchVae vae = fit.solve(channels);
    const double error = (vae.decode(vae.encode(video), false) - video).square().mean().item<double>();
    CHECK(error <= before + 1e-6);
    before = error;
  }
}

TEST_CASE("encode of a clip's beginning is the beginning of its encode") {
  const PatchVae vae = fitted(6);
  const at::Tensor video = random_video(1, 13, 8, 8), latents = vae.encode(video);
  for (const std::int64_t k : {0, 1, 2}) {
    CHECK(at::allclose(vae.encode(video.narrow(2, 0, 4 * k + 1)), latents.narrow(2, 0, k + 1), 1e-5, 1e-5));
  }
}

TEST_CASE("a batch is encoded and decoded as its clips one by one") {
  const PatchVae vae = fitted(6);
  const at::Tensor video = random_video(3, 5, 8, 12), latents = vae.encode(video), decoded = vae.decode(latents);
  for (std::int64_t i = 0; i < 3; ++i) {
    CHECK(at::allclose(vae.encode(video.narrow(0, i, 1)), latents.narrow(0, i, 1), 1e-5, 1e-5));
    CHECK(at::allclose(vae.decode(latents.narrow(0, i, 1)), decoded.narrow(0, i, 1), 1e-5, 1e-5));
  }
}

TEST_CASE("encoding is the strided convolution that the weights say") {
  PatchVae vae = fitted(6);
  const TensorMap state = vae.parameters().state();
  const at::Tensor video = random_video(2, 9, 8, 12);
  const at::Tensor padded = at::cat({video.narrow(2, 0, 1).expand({-1, -1, 3, -1, -1}), video}, 2);
  const at::Tensor raw = at::conv3d(padded, state.at("encoder.weight"), state.at("encoder.bias"), {4, 2, 2});
  const auto per_channel = [&](const char* name) { return state.at(name).view({1, -1, 1, 1, 1}); };
  CHECK(at::allclose(vae.encode(video), (raw - per_channel("mean")) / per_channel("std"), 1e-4, 1e-5));
}

TEST_CASE("decoding is the transposed convolution that the weights say, the first group averaged") {
  PatchVae vae = fitted(6);
  const TensorMap state = vae.parameters().state();
  const at::Tensor latents = at::randn({2, 6, 3, 4, 5});
  const auto per_channel = [&](const char* name) { return state.at(name).view({1, -1, 1, 1, 1}); };
  const at::Tensor frames = at::conv_transpose3d(latents * per_channel("std") + per_channel("mean"),
                                                 state.at("decoder.weight"), state.at("decoder.bias"), {4, 2, 2});
  const at::Tensor expected = at::cat({frames.narrow(2, 0, 4).mean(2, true), frames.narrow(2, 4, 8)}, 2);
  CHECK(at::allclose(vae.decode(latents, false), expected, 1e-4, 1e-5));
}

TEST_CASE("latents of the fitted videos have mean 0 and mean square 1, shaped by the power") {
  const at::Tensor video = smooth_video(8, 9);
  PatchVaeFit fit(small);
  fit.add(video);
  for (const double power : {0.0, 0.5, 1.0}) {
    const at::Tensor latents = fit.solve(8, power).encode(video).transpose(0, 1).flatten(1);
    CHECK(largest(latents.mean(1)) < 1e-3);
    CHECK(latents.square().mean().item<double>() == doctest::Approx(1.0).epsilon(1e-3));
    const at::Tensor deviation = latents.std(1, /*unbiased=*/false);
    if (power == 1.0) CHECK(largest(deviation - 1.0) < 1e-2);
    if (power < 1.0) CHECK(deviation[0].item<double>() > deviation[7].item<double>());
  }
}

TEST_CASE("a weight counts as so many repetitions, in any order of batches") {
  const at::Tensor one = smooth_video(2, 5), two = smooth_video(2, 5);
  PatchVaeFit weighted(small), repeated(small);
  weighted.add(one, 3.0);
  weighted.add(two);
  for (const at::Tensor& video : {two, one, one, one}) repeated.add(video);
  const at::Tensor video = smooth_video(1, 5);
  const PatchVae expected = repeated.solve(4);
  CHECK(at::allclose(weighted.solve(4).encode(video), expected.encode(video), 1e-3, 1e-3));
}

TEST_CASE("decode is cut to [-1, 1] unless asked not to") {
  const PatchVae vae = fitted(6);
  const at::Tensor latents = 100.0 * at::randn({1, 6, 1, 2, 2});
  CHECK(largest(vae.decode(latents)) <= 1.0);
  CHECK(largest(vae.decode(latents, false)) > 1.0);
}

TEST_CASE("gradients reach the video and the parameters") {
  PatchVae vae = fitted(6);
  vae.parameters().requires_grad(true);
  const at::Tensor video = random_video(1, 5, 4, 4).requires_grad_(true);
  vae.decode(vae.encode(video), false).square().sum().backward();
  CHECK(largest(video.grad()) > 0.0);
  for (const auto& [name, parameter] : vae.parameters().named()) {
    CAPTURE(name);
    CHECK(parameter.grad().defined());
  }
}

TEST_CASE("a config makes an equal codec again") {
  const PatchVae vae = fitted(6);
  const auto again = make_video_vae(vae.config());
  again->parameters().load(vae.parameters().state());
  const at::Tensor video = random_video(1, 5, 4, 4);
  CHECK(at::equal(again->encode(video), vae.encode(video)));
  CHECK(again->spatial_stride() == 2);
  CHECK(again->temporal_stride() == 4);
}

TEST_CASE("what does not fit is refused by name") {
  const PatchVae vae(PatchVaeConfig{.channels = 48});
  CHECK_THROWS_WITH_AS(vae.encode(at::zeros({1, 3, 4, 8, 8})),
                       "[vae::VideoVae::encode] video: expected T = 4k + 1 frames, got (1, 3, 4, 8, 8)", ShapeError);
  CHECK_THROWS_AS(vae.encode(at::zeros({1, 3, 5, 12, 8})), ShapeError);
  CHECK_THROWS_AS(vae.encode(at::zeros({1, 4, 5, 8, 8})), ShapeError);
  CHECK_THROWS_AS(vae.encode(at::zeros({1, 3, 5, 8, 8}, at::kByte)), ValueError);
  CHECK_THROWS_AS(vae.decode(at::zeros({1, 47, 2, 1, 1})), ShapeError);
  CHECK_THROWS_AS(vae.latent_frames(6), ShapeError);
  CHECK_THROWS_AS(vae.frames(0), ShapeError);
  CHECK_THROWS_AS(PatchVae(PatchVaeConfig{.channels = 769}), ValueError);
  CHECK_THROWS_AS(make_video_vae({{"kind", "magic"}}), ValueError);
  CHECK_THROWS_AS(make_video_vae({{"channels", 3}}), ValueError);
  CHECK_THROWS_AS(make_video_vae({{"kind", "patch"}, {"colours", 3}}), ValueError);
}

TEST_CASE("a fit without usable videos is refused") {
  PatchVaeFit fit(small);
  CHECK_THROWS_AS(fit.solve(4), ValueError);
  CHECK_THROWS_AS(fit.add(random_video(1, 4, 8, 8)), ShapeError);
  CHECK_THROWS_AS(fit.add(random_video(1, 5, 8, 8), 0.0), ValueError);
  CHECK_THROWS_AS(fit.add(at::full({1, 3, 5, 8, 8}, NAN)), ValueError);
  fit.add(at::full({1, 3, 5, 8, 8}, 0.5));
  CHECK_THROWS_AS(fit.solve(4), NumericalError);
}
