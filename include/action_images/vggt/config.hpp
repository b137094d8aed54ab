// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <nlohmann/json_fwd.hpp>

namespace action_images {

/// Sizes of VGGT (Wang et al. 2025, arXiv 2503.11651); the defaults are VGGT-1B. MLPs are four times as wide as their
/// blocks, and the heads work on tokens of width 2 embed.
struct VggtConfig {
  std::int64_t img_size = 518;   ///< side of the pictures that the table of positions was learned for [pixel]
  std::int64_t patch = 14;       ///< height and width of a patch [pixel]
  std::int64_t embed = 1024;     ///< width of a token; with heads: a width of a head that is a multiple of 4
  std::int64_t heads = 16;       ///< of DINOv2 and of the aggregator
  std::int64_t dino_depth = 24;  ///< blocks of DINOv2
  std::int64_t depth = 24;       ///< pairs of a frame block and a global block
  std::int64_t reg = 4;          ///< register tokens of a picture
  std::int64_t cam_depth = 4;    ///< blocks of the camera head
  std::int64_t cam_heads = 16;   ///< heads of the camera head; they divide 2 embed
  std::int64_t features = 256;   ///< channels that the dense heads fuse their scales in; a multiple of 8
  std::array<std::int64_t, 4> out_channels = {256, 512, 1024, 1024};  ///< of the dense heads' scales, multiples of 4
  std::array<std::int64_t, 4> taps = {4, 11, 17, 23};  ///< outputs of the aggregator that the dense heads read

  std::int64_t first_patch() const { return 1 + reg; }  ///< tokens of a picture before its patches
};

/// Reads a config with the fields' names as keys; absent keys keep their defaults.
/// @throws ValueError on an unknown key, a value of the wrong type, or sizes that do not make a network.
VggtConfig vggt_config(const nlohmann::json& config);

/// All fields as JSON; vggt_config() reads it back.
nlohmann::json vggt_config_json(const VggtConfig& config);

/// @throws ValueError, naming the field, if the sizes do not make a network.
void check_vggt_config(const VggtConfig& config);

}  // namespace action_images
