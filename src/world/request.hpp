// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <action_images/codec/rig.hpp>
#include <action_images/vae/video_vae.hpp>
#include <action_images/video/frames.hpp>
#include <action_images/world/config.hpp>
#include <action_images/world/generate_options.hpp>
#include <action_images/world/sampling.hpp>

namespace action_images {

/// What WorldModel::generate is given besides options.
struct Given {
  const std::vector<VideoFrames>& views;
  const std::string& prompt;
  const Rig& rig;
};

/// T of a generation: of the actions, videos or moving rig, as asked for, or the model's.
/// @throws ShapeError if they differ, or T is not 4k + 1.
std::int64_t resolve_frames(const Given& given, const GenerateOptions& options, const WorldConfig& config,
                            const VideoVae& vae);

/// Throws ShapeError or ValueError if the task lacks something, or is given what it does not take.
void check_request(const Given& given, const GenerateOptions& options, const WorldConfig& config);

/// @throws ValueError if an action head does not fit the task, the views or the VAE's latents.
void check_action_head(const ActionHead& head, Task task, std::size_t views, const VideoVae& vae);

/// How is sampled: the options, with the model's where none is given; the negative prompt is not yet tokenised.
/// @throws ValueError for an option out of range.
SampleOptions resolve_sampling(const GenerateOptions& options, const WorldConfig& config);

/// The negative prompt's text.
std::string resolve_negative_prompt(const GenerateOptions& options, const WorldConfig& config);

}  // namespace action_images
