// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <action_images/sample/denoise.hpp>

namespace action_images {

/// Classifier-free guidance: unconditional + scale (conditional - unconditional).
/// @throws ShapeError if the shapes differ; ValueError if the scale is not finite.
at::Tensor guide(const at::Tensor& conditional, const at::Tensor& unconditional, double scale);

/// A denoiser that guides one with another. With scale 1 it is the conditional one alone, one evaluation a step, and
/// the other may be empty; any other scale costs two.
/// @throws ValueError if a denoiser that is needed is empty, or the scale is not finite.
Denoiser guided(Denoiser conditional, Denoiser unconditional, double scale);

}  // namespace action_images
