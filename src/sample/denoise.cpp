// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/denoise.hpp>

#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr auto where = "sample::denoise";

bool broadcasts(at::IntArrayRef from, at::IntArrayRef to) {
  if (from.size() > to.size()) return false;
  const std::size_t lead = to.size() - from.size();
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] != 1 && from[axis] != to[lead + axis]) return false;
  }
  return true;
}

/// Puts the given latents back over the stepped ones.
class Hold {
 public:
  Hold(const Conditioning& conditioning, const at::Tensor& noise, at::ScalarType dtype) {
    check(conditioning.clean.defined() == conditioning.keep.defined(), where, "conditioning",
          "both clean and keep, or neither", "one of them");
    if (!conditioning.clean.defined()) return;
    check_shape(conditioning.clean.sizes() == noise.sizes(), where, "conditioning.clean", shape_text(noise.sizes()),
                conditioning.clean.sizes());
    check_shape(broadcasts(conditioning.keep.sizes(), noise.sizes()), where, "conditioning.keep",
                "a shape that broadcasts to " + shape_text(noise.sizes()), conditioning.keep.sizes());
    clean_ = conditioning.clean.to(noise.device(), dtype);
    keep_ = conditioning.keep.to(noise.device(), at::kBool);
  }

  at::Tensor operator()(const at::Tensor& latents) const {
    return clean_.defined() ? at::where(keep_, clean_, latents) : latents;
  }

 private:
  at::Tensor clean_, keep_;
};

at::Tensor velocity_at(const Denoiser& denoiser, const at::Tensor& latents, double timestep, std::int64_t step) {
  const at::Tensor timesteps = at::full({latents.size(0)}, timestep, latents.options().dtype(at::kFloat));
  const at::Tensor velocity = denoiser(latents, timesteps);
  check_shape(velocity.defined() && velocity.sizes() == latents.sizes(), where, "prediction",
              shape_text(latents.sizes()), velocity.defined() ? velocity.sizes() : at::IntArrayRef{});
  if (!velocity.isfinite().all().item<bool>()) {
    throw NumericalError(
        expected_text(where, "prediction", "finite velocities", text_of("a non-finite one in step ", step)));
  }
  return velocity;
}

}  // namespace

at::Tensor denoise(const FlowMatchSchedule& schedule, const Denoiser& denoiser, const at::Tensor& noise,
                   const Conditioning& conditioning, const DenoiseOptions& options) {
  check(static_cast<bool>(denoiser), where, "denoiser", "a function", "none");
  check_shape(noise.dim() >= 1, where, "noise", "(B, ...)", noise.sizes());
  const at::ScalarType dtype = at::promote_types(noise.scalar_type(), at::kFloat);
  const Hold hold(conditioning, noise, dtype);
  const Solver solver = options.solver ? options.solver : euler(schedule);
  at::Tensor latents = hold(noise.to(dtype));
  const float* timesteps = schedule.timesteps().const_data_ptr<float>();
  for (std::int64_t index = 0; index < schedule.steps(); ++index) {
    const at::Tensor velocity =
        velocity_at(denoiser, latents.to(noise.scalar_type()), static_cast<double>(timesteps[index]), index + 1);
    latents = hold(solver(velocity.to(latents.options()), index, latents));
    const DenoiseProgress progress{index + 1, schedule.steps(), schedule.sigma(index + 1), latents};
    if (options.progress && !options.progress(progress)) break;
  }
  return latents.to(noise.scalar_type());
}

Denoiser from_sample_prediction(Denoiser predicts_sample) {
  check(static_cast<bool>(predicts_sample), "sample::from_sample_prediction", "predicts_sample", "a function", "none");
  return [predicts_sample = std::move(predicts_sample)](const at::Tensor& latents, const at::Tensor& timestep) {
    std::vector<std::int64_t> per_sample(static_cast<std::size_t>(latents.dim()), 1);
    per_sample[0] = timestep.size(0);
    const at::Tensor sigma = (timestep / 1000.0).view(per_sample);
    return (latents - predicts_sample(latents, timestep)) / sigma;
  };
}

}  // namespace action_images
