// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Are the cameras right, and if not, which are: the doctor, and scale, frame and refinement of estimated cameras.
/// Needs what the codec needs.

#include <action_images/calibration/axis_scale.hpp>
#include <action_images/calibration/doctor.hpp>
#include <action_images/calibration/doctor_text.hpp>
#include <action_images/calibration/gripper_alignment.hpp>
#include <action_images/calibration/refine_cameras.hpp>
#include <action_images/calibration/similarity_fit.hpp>
#include <action_images/codec.hpp>
