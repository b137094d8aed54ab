// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <ATen/core/Tensor.h>

#include <action_images/sample/flow_match.hpp>

namespace action_images {

/// One step of an integration: from the latents at sigma_index and the velocity there to the latents at
/// sigma_{index + 1}. It is called with index 0, 1, 2, ...; it may remember earlier steps, and index 0 forgets them.
/// All arithmetic is elementwise: no element of the latents depends on another one's.
using Solver = std::function<at::Tensor(const at::Tensor& velocity, std::int64_t index, const at::Tensor& latents)>;

/// The solvers by name.
enum class SolverKind {
  euler,      ///< "euler": order 1; the released model's
  unipc,      ///< "unipc": predictor and corrector of order 2
  unipc_bh1,  ///< "unipc-bh1": its other variant
  dpmpp_2m,   ///< "dpm++2m": order 2 from the last two predictions
};

/// @throws ValueError, listing the names, for an unknown one.
SolverKind solver_from_name(std::string_view name);
std::string_view name_of(SolverKind kind);

/// The schedule's own steps; remembers nothing.
Solver euler(const FlowMatchSchedule& schedule);

/// What UniPC takes for B(h), h the (negative) step in half the log signal-to-noise ratio. UniPC, Sec. 3.
enum class UniPCVariant {
  bh1,  ///< B(h) = h; weak where the first step is long, as from pure noise
  bh2,  ///< B(h) = exp(h) - 1
};

/// UniPC of order 2 on predictions of the clean sample (Zhao et al. 2023, arXiv 2302.04867, Alg. 5 and 6). The first
/// step and the last, which ends at sigma 0, are of order 1. Equal to diffusers' UniPCMultistepScheduler.
/// @throws ValueError unless the schedule's sigmas are positive.
Solver unipc(const FlowMatchSchedule& schedule, UniPCVariant variant = UniPCVariant::bh2);

/// DPM-Solver++ (2M), midpoint form (Lu et al. 2022, arXiv 2211.01095, Alg. 2). The first step and the last are of
/// order 1. Equal to diffusers' DPMSolverMultistepScheduler. @throws as unipc().
Solver dpmpp_2m(const FlowMatchSchedule& schedule);

/// A solver for one schedule. @throws as the functions above.
Solver make_solver(SolverKind kind, const FlowMatchSchedule& schedule);

/// The noise levels that public implementations use with a solver, shifted by shift u / (1 + (shift - 1) u):
/// Euler: u even from 1 to 0, FlowMatchSchedule(steps, shift); UniPC: u even from 1 (less 1e-6) to 0.001; DPM-Solver++:
/// u even from 0.999 to 0; the last of steps + 1 points is always sigma 0.
/// @throws ValueError unless steps >= 1 and shift > 0.
FlowMatchSchedule schedule_for(SolverKind kind, std::int64_t steps, double shift = 5.0, bool whole_timesteps = false);

}  // namespace action_images
