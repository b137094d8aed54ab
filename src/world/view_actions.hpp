// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <action_images/codec/rig.hpp>
#include <action_images/world/config.hpp>
#include <action_images/world/generate_options.hpp>

namespace action_images {

/// View actions in pixels of the model's pictures, for `frames` frames: one row is repeated, of more the first ones.
/// @param given  the rig of the pictures as the caller gives them.
/// @return (V, frames, 7)
/// @throws ShapeError unless there is a row of 7 for every view, and one or at least `frames` of them.
PixelActions model_pixels(const ViewActions& actions, const Rig& given, std::int64_t frames, const WorldConfig& config);

}  // namespace action_images
