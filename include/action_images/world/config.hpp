// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include <action_images/codec/encode.hpp>
#include <action_images/text/umt5.hpp>
#include <action_images/wan/config.hpp>
#include <action_images/world/packing.hpp>
#include <action_images/world/sampler_options.hpp>

namespace action_images {

/// What the transformer's output stands for.
enum class Prediction {
  velocity,         ///< noise - clean (Wan, the release)
  sample,           ///< the clean latents
  sample_residual,  ///< the clean latents less the given first latent frame of their segment
};

/// What happens at inference to the first action frame when the caller does not know it.
enum class UnknownFirstAction {
  empty,     ///< it is given as an action image without points, as the release does
  generate,  ///< it is generated with the rest
};

/// Which axes the frame has that cameras are told in, that of the first view; it decides the signs of the rays' x and y.
enum class RayAxes {
  opencv,    ///< x right, y down, z forward: cameras with positive focal lengths (the release's inference)
  mirrored,  ///< x left, y up, z forward: the form with negative focal lengths (the release's training)
};

/// The frame that cameras are told in.
enum class CameraReference {
  first_view,  ///< of the first view's first camera
  world,       ///< the rig's own; then the axes say nothing
};

/// How the world model uses its networks; a checkpoint carries it as config.json.
struct WorldConfig {
  std::string name = "unnamed";
  std::int64_t views = 0;    ///< views it was trained for; 0: any number
  std::int64_t frames = 41;  ///< of a clip, 4k + 1
  std::int64_t height = 512;  ///< of the pictures [px]
  std::int64_t width = 512;   ///< [px]

  Prediction prediction = Prediction::velocity;
  UnknownFirstAction unknown_first_action = UnknownFirstAction::empty;
  TimePositions time_positions = TimePositions::packed;
  /// Appends to the channels of every latent frame: 1 where it is given, its view's first video latent, its view's
  /// first action latent (0 if unknown), and 1 for action frames. Off for Wan's checkpoints.
  bool condition_channels = false;
  double moment_scale = 3.0;  ///< the Pluecker moments are divided by it
  RayAxes camera_axes = RayAxes::opencv;
  CameraReference camera_reference = CameraReference::first_view;

  double shift = 5.0;     ///< of the flow-matching schedule
  int steps = 50;         ///< denoising steps by default
  double guidance = 7.5;  ///< classifier-free guidance scale by default
  std::string negative_prompt;
  SamplerOptions sampler;  ///< by default

  EncodeOptions codec;  ///< how action images are drawn and read
  WanConfig transformer;
  UMT5Config text;
  std::int64_t text_length = 512;  ///< tokens of a prompt, padded with zero rows
  bool lower_case = false;         ///< prompts are lower-cased before they are tokenised
  bool clean_instructions = false; ///< prompts go through clean_instruction() before they are tokenised
  bool truncate = false;           ///< an over-long prompt is cut, as Wan does, instead of refused
  bool empty_prompts = false;      ///< an empty prompt is no mistake: the model was trained with prompts left out
  nlohmann::json vae;              ///< {"kind": ..., ...}, see VideoVae

  /// Channels that `condition_channels` adds to latents of `latent_channels`.
  std::int64_t condition_channel_count(std::int64_t latent_channels) const {
    return condition_channels ? 2 * latent_channels + 2 : 0;
  }
};

/// @throws FormatError for an unknown key, a wrong type or a value out of range, naming the key.
WorldConfig world_config_from_json(const nlohmann::json& json);
nlohmann::json json_from(const WorldConfig& config);

}  // namespace action_images
