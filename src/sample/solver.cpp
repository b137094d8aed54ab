// SPDX-License-Identifier: Apache-2.0
#include <action_images/sample/solver.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr std::array<std::pair<SolverKind, std::string_view>, 4> names{{{SolverKind::euler, "euler"},
                                                                        {SolverKind::unipc, "unipc"},
                                                                        {SolverKind::unipc_bh1, "unipc-bh1"},
                                                                        {SolverKind::dpmpp_2m, "dpm++2m"}}};

// Half the log signal-to-noise ratio of sigma in [0, 1]; at 1, where it is -infinity, that of 1 - 1e-6.
double half_log_snr(double sigma) {
  const double below_one = std::min(sigma, 1.0 - 1e-6);
  return std::log1p(-below_one) - std::log(below_one);
}

// From noise level s to t in the exponential integrator for predictions of the clean sample.
struct Interval {
  double ratio;   // sigma_t / sigma_s
  double weight;  // -alpha_t, in front of all predictions
  double h;       // lambda_s - lambda_t, negative
  double phi;     // exp(h) - 1

  Interval(const FlowMatchSchedule& schedule, std::int64_t from)
      : ratio(schedule.sigma(from + 1) / schedule.sigma(from)),
        weight(schedule.sigma(from + 1) - 1.0),
        h(half_log_snr(schedule.sigma(from)) - half_log_snr(schedule.sigma(from + 1))),
        phi(std::expm1(h)) {}

  // The step of order 1, to which corrections are added.
  at::Tensor first_order(const at::Tensor& latents, const at::Tensor& sample) const {
    return (latents * ratio).add_(sample, weight * phi);
  }

  // lambda of the point before s, measured from s in units of this interval; negative.
  double before(const FlowMatchSchedule& schedule, std::int64_t from) const {
    return (half_log_snr(schedule.sigma(from)) - half_log_snr(schedule.sigma(from - 1))) / h;
  }
};

// What both multistep solvers share: the schedule, the last predictions of the clean sample, and the order of calls.
class Multistep {
 public:
  Multistep(const FlowMatchSchedule& schedule, const char* where) : schedule_(schedule), where_(where) {
    const double last = schedule.sigma(schedule.steps() - 1);
    check(last > 0.0, where, "schedule", "positive sigmas", last);
  }

 protected:
  // The clean sample that a velocity leads to, after the checks that every step makes.
  at::Tensor sample_of(const at::Tensor& velocity, std::int64_t index, const at::Tensor& latents) {
    const std::int64_t next = index == 0 ? 0 : done_;
    check(index == next && index < schedule_.steps(), where_, "index", text_of("0 or, after the last call, ", done_),
          index);
    done_ = index + 1;
    return sample_from_velocity(velocity, latents, schedule_.sigma(index));
  }

  // Order 2 needs a prediction before this one, and is not defined for a step to sigma 0.
  bool second_order(std::int64_t index) const { return index > 0 && index + 1 < schedule_.steps(); }

  void remember(at::Tensor sample) { before_ = std::exchange(last_, std::move(sample)); }

  FlowMatchSchedule schedule_;
  at::Tensor last_, before_;  // predictions of the last step and of the one before it

 private:
  const char* where_;
  std::int64_t done_ = 0;
};

class DpmSolver2M : Multistep {
 public:
  explicit DpmSolver2M(const FlowMatchSchedule& schedule) : Multistep(schedule, "sample::dpmpp_2m") {}

  at::Tensor operator()(const at::Tensor& velocity, std::int64_t index, const at::Tensor& latents) {
    remember(sample_of(velocity, index, latents));
    const Interval interval(schedule_, index);
    at::Tensor next = interval.first_order(latents, last_);
    if (second_order(index)) {
      const double slope = 0.5 * interval.weight * interval.phi / interval.before(schedule_, index);
      next.add_(before_ - last_, slope);
    }
    return next;
  }
};

class UniPC : Multistep {
 public:
  UniPC(const FlowMatchSchedule& schedule, UniPCVariant variant)
      : Multistep(schedule, "sample::unipc"), variant_(variant) {}

  at::Tensor operator()(const at::Tensor& velocity, std::int64_t index, const at::Tensor& latents) {
    const at::Tensor sample = sample_of(velocity, index, latents);
    corrected_ = index == 0 ? latents : correct(sample, index - 1);
    remember(sample);
    return predict(index);
  }

 private:
  double factor(const Interval& interval) const {
    return interval.weight * (variant_ == UniPCVariant::bh1 ? interval.h : interval.phi);
  }

  // UniP from `from` to the next point.
  at::Tensor predict(std::int64_t from) const {
    const Interval interval(schedule_, from);
    at::Tensor next = interval.first_order(corrected_, last_);
    if (second_order(from)) next.add_(before_ - last_, 0.5 * factor(interval) / interval.before(schedule_, from));
    return next;
  }

  // UniC: the step from `from`, made once more with the prediction at its end. Its weights solve the 2 x 2 system
  // [1 1; r 1] rho = b of Eq. 7.
  at::Tensor correct(const at::Tensor& sample, std::int64_t from) const {
    const Interval interval(schedule_, from);
    at::Tensor corrected = interval.first_order(corrected_, last_);
    const double b = factor(interval);
    if (from == 0) return corrected.add_(sample - last_, 0.5 * b);
    const double r = interval.before(schedule_, from);
    const double phi_2 = interval.phi / interval.h - 1.0;
    const double phi_3 = phi_2 / interval.h - 0.5;
    const double scale = interval.weight / b;
    const double rho_before = scale * (phi_2 - 2.0 * phi_3) / (1.0 - r);
    const double rho_new = scale * phi_2 - rho_before;
    return corrected.add_(before_ - last_, b * rho_before / r).add_(sample - last_, b * rho_new);
  }

  UniPCVariant variant_;
  at::Tensor corrected_;  // the latents of the last step, corrected
};

at::Tensor shifted(const at::Tensor& even, double shift) { return shift * even / (1.0 + (shift - 1.0) * even); }

// Points of an even grid from 1 to 0.001 by their counts, 0 to steps: rounded as numpy's linspace, so that timesteps
// are cut to the same whole numbers.
at::Tensor falling_grid(const at::Tensor& counts, std::int64_t steps) {
  const at::Tensor grid = counts * ((0.001 - 1.0) / static_cast<double>(steps)) + 1.0;
  return at::where(counts == static_cast<double>(steps), 0.001, grid);
}

}  // namespace

SolverKind solver_from_name(std::string_view name) {
  for (const auto& [kind, known] : names) {
    if (name == known) return kind;
  }
  throw ValueError(expected_text("sample::solver_from_name", "solver", "euler, unipc, unipc-bh1 or dpm++2m", name));
}

std::string_view name_of(SolverKind kind) { return names[static_cast<std::size_t>(kind)].second; }

Solver euler(const FlowMatchSchedule& schedule) {
  return [schedule](const at::Tensor& velocity, std::int64_t index, const at::Tensor& latents) {
    return schedule.step(velocity, index, latents);
  };
}

Solver unipc(const FlowMatchSchedule& schedule, UniPCVariant variant) { return UniPC(schedule, variant); }

Solver dpmpp_2m(const FlowMatchSchedule& schedule) { return DpmSolver2M(schedule); }

Solver make_solver(SolverKind kind, const FlowMatchSchedule& schedule) {
  switch (kind) {
    case SolverKind::unipc:
      return unipc(schedule, UniPCVariant::bh2);
    case SolverKind::unipc_bh1:
      return unipc(schedule, UniPCVariant::bh1);
    case SolverKind::dpmpp_2m:
      return dpmpp_2m(schedule);
    default:
      return euler(schedule);
  }
}

FlowMatchSchedule schedule_for(SolverKind kind, std::int64_t steps, double shift, bool whole_timesteps) {
  const FlowMatchSchedule checked(steps, shift);
  switch (kind) {
    case SolverKind::unipc:
    case SolverKind::unipc_bh1:
      return FlowMatchSchedule::from_sigmas(
          shifted(falling_grid(at::arange(steps, at::kDouble), steps), shift).clamp_max(1.0 - 1e-6), whole_timesteps);
    case SolverKind::dpmpp_2m:
      return FlowMatchSchedule::from_sigmas(
          shifted(1.0 - falling_grid(at::arange(steps, 0, -1, at::kDouble), steps), shift), whole_timesteps);
    default:
      return whole_timesteps ? FlowMatchSchedule::from_sigmas(checked.sigmas(), true) : checked;
  }
}

}  // namespace action_images
