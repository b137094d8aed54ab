// SPDX-License-Identifier: Apache-2.0
#pragma once

/// World models: pictures and an instruction in; video, action images and a trajectory out.
#include <action_images/codec.hpp>
#include <action_images/codec_io.hpp>
#include <action_images/video.hpp>
#include <action_images/world/rollout.hpp>
#include <action_images/world/task.hpp>
#include <action_images/world/world_model.hpp>
