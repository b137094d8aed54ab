// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <action_images/sample/denoise.hpp>

namespace action_images {

/// Classifier-free guidance: unconditional + scale (conditional - unconditional), in float32 at least: half precision
/// would lose the difference that the scale magnifies.
/// @throws ShapeError if the shapes differ; ValueError if the scale is not finite.
at::Tensor guide(const at::Tensor& conditional, const at::Tensor& unconditional, double scale);

/// Brings the standard deviation of each sample of a guided prediction (B, ...) back to the conditional one's, by a
/// fraction `rescale` of the way. Lin et al. 2023 (arXiv 2305.08891), Eq. 15 and 16.
/// @throws ShapeError if the shapes differ; ValueError unless 0 <= rescale <= 1.
at::Tensor rescale_guided(const at::Tensor& guided, const at::Tensor& conditional, double rescale);

/// Noise levels low <= sigma <= high; sigma = timestep / 1000 within 0..1.
struct SigmaInterval {
  double low = 0.0;
  double high = 1.0;
};

struct GuidanceOptions {
  double scale = 1.0;    ///< 1: none
  double rescale = 0.0;  ///< 0: none, 1: all of the conditional prediction's standard deviation
};

/// A denoiser that guides one with another. With scale 1 it is the conditional one alone, one evaluation a step, and
/// the other may be empty; any other scale costs two.
/// @throws ValueError if a denoiser that is needed is empty, or an option is out of range.
Denoiser guided(Denoiser conditional, Denoiser unconditional, const GuidanceOptions& options);

/// One denoiser on an interval of noise levels and another one outside of it: guidance on a limited interval
/// (Kynkaanniemi et al. 2024, arXiv 2404.07724) is within(interval, guided(c, u, {scale}), c). That paper's noise
/// levels are sigma / (1 - sigma). Timesteps of one batch that fall on both sides cost both.
/// @throws ValueError if a denoiser is empty or the interval is not within 0 <= low <= high <= 1.
Denoiser within(const SigmaInterval& interval, Denoiser inside, Denoiser outside);

}  // namespace action_images
