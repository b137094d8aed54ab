// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <action_images/world/config.hpp>

namespace action_images {

/// Names of world_preset().
std::vector<std::string> world_preset_names();

/// A world model of a published size with the conventions of the released implementation: pictures of 512 x 512, 41
/// frames, any number of views, action images of Convention::release, an empty action image where the first action is
/// not known, Pluecker moments / 3 in the mirrored axes of the release's training, 50 steps of shift 5, guidance 7.5
/// against the empty prompt, prompts cleaned by white space and cut to 512 tokens of UMT5-XXL. "action-images-5b" is
/// the released checkpoint; "wan2.2-ti2v-5b", "wan2.1-t2v-1.3b" and "wan2.1-t2v-14b" are what it, or another like it,
/// is trained from; they get camera layers too.
/// @throws ValueError, listing the names, if there is none of that name.
WorldConfig world_preset(std::string_view name);

/// The conventions of world_preset() around networks of any size.
/// @param vae  as make_video_vae() takes it.
WorldConfig released_world_config(const WanConfig& transformer, const UMT5Config& text, const nlohmann::json& vae);

/// The name of the preset that has these sizes, or "released".
std::string world_preset_of(const WanConfig& transformer);

}  // namespace action_images
