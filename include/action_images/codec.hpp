// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The action-image codec: actions <-> multiview pictures. Needs Eigen and xtensor, nothing else.

#include <action_images/codec/action.hpp>
#include <action_images/codec/action_format.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/camera.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/codec/decode.hpp>
#include <action_images/codec/draw.hpp>
#include <action_images/codec/encode.hpp>
#include <action_images/codec/heat_blend.hpp>
#include <action_images/codec/pixel_action.hpp>
#include <action_images/codec/plucker.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/codec/rotation.hpp>
#include <action_images/codec/triangulate.hpp>
#include <action_images/core/error.hpp>
#include <action_images/core/version.hpp>
