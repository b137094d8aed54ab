// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Calibration and trajectory files. Needs nlohmann-json beside what the codec needs.

#include <action_images/codec_io/camera_params.hpp>
#include <action_images/codec_io/rig_file.hpp>
#include <action_images/codec_io/rig_json.hpp>
#include <action_images/codec_io/trajectory_file.hpp>
