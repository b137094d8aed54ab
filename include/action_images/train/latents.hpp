// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include <action_images/data/clip.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/world/config.hpp>

namespace action_images {

/// A clip as training sees it.
struct LatentClip {
  at::Tensor video{};         ///< float32 [V, C, T_l, h, w]
  at::Tensor action{};        ///< float32, the same shape; undefined for clips without actions
  at::Tensor camera{};        ///< float32 [V, T_l or 1, 2C, h, w], as encode_cameras() gives them; undefined if not needed
  at::Tensor first_frames{};  ///< uint8 [V, H, W, 3]
  std::string text{};
  std::string source{};       ///< layout of its data set, such as "rlbench"
  std::string episode{};      ///< for messages

  bool has_actions() const { return action.defined(); }
};

/// Encodes a clip with a VAE that takes and gives float32 on the CPU.
LatentClip encode_clip(const Clip& clip, const WorldConfig& config, const VideoVae& vae, const VaeOptions& options = {});

/// Where a run's samples come from.
class LatentSource {
 public:
  virtual ~LatentSource() = default;
  /// The clip of sample `index` of the run; the same for any number of processes and however often it is asked for.
  virtual LatentClip clip(std::int64_t index) = 0;
  /// Seconds spent waiting for data since the last call.
  virtual double waited() { return 0.0; }
};

}  // namespace action_images
