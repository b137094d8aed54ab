// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <action_images/nn/parameters.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/network.hpp>
#include <action_images/world/prompt_encoder.hpp>

namespace action_images {

/// A network that computes with the given tensors.
/// @throws FormatError that lists all tensors which are missing for a network of this config, too many or mis-shaped.
template <typename Network, typename Config>
Network make_over(const Config& config, TensorMap tensors) {
  return Network(config, Parameters(std::move(tensors)));
}

/// How a model's prompts are encoded.
inline PromptEncoderOptions prompt_options(const WorldConfig& config) {
  return {.length = config.text_length,
          .tokenizer = {.lower_case = config.lower_case, .truncate = config.truncate},
          .clean_instructions = config.clean_instructions};
}

/// @throws ValueError if the transformer's channels are not those that the VAE and the config give it, or the pictures
///         are no whole number of tokens.
inline void check_fit(const WorldConfig& config, const VideoVae& vae) {
  constexpr auto where = "world::WorldModel";
  const WanConfig& transformer = config.transformer;
  const std::int64_t rows = vae.spatial_stride() * transformer.patch_size[1];
  const std::int64_t columns = vae.spatial_stride() * transformer.patch_size[2];
  check(config.height % rows == 0 && config.width % columns == 0, where, "height, width",
        text_of("multiples of ", rows, ", ", columns, " px"), text_of(config.height, ", ", config.width));
  const std::int64_t channels = vae.channels(), cameras = transformer.camera_channels;
  const std::int64_t expected = channels + config.condition_channel_count(channels);
  check(transformer.in_dim == expected, where, "transformer.in_dim",
        text_of(expected, " for latents of ", channels, " channels (models that take a picture are not run yet)"),
        transformer.in_dim);
  check(transformer.out_dim == channels, where, "transformer.out_dim", text_of(channels, ", the VAE's channels"),
        transformer.out_dim);
  check(cameras == 0 || cameras == 2 * channels, where, "transformer.camera_channels",
        text_of(2 * channels, ", direction and moment of the VAE's channels"), cameras);
  check(transformer.text_dim == config.text.dim, where, "transformer.text_dim",
        text_of(config.text.dim, ", the text encoder's"), transformer.text_dim);
}

}  // namespace action_images
