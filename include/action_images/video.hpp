// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The video layer: pictures and videos on disk as packed RGB.
#include <action_images/core/error.hpp>
#include <action_images/video/frames.hpp>
#include <action_images/video/image.hpp>
#include <action_images/video/video.hpp>
#include <action_images/video/video_reader.hpp>
