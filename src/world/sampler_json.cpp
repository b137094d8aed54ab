// SPDX-License-Identifier: Apache-2.0
#include "sampler_json.hpp"

#include <vector>

namespace action_images {
namespace {

constexpr JsonNames<SolverKind, 4> solver_names{{{SolverKind::euler, "euler"},
                                                 {SolverKind::unipc, "unipc"},
                                                 {SolverKind::unipc_bh1, "unipc-bh1"},
                                                 {SolverKind::dpmpp_2m, "dpm++2m"}}};
constexpr JsonNames<StepCacheKind, 4> step_cache_names{{{StepCacheKind::none, "none"},
                                                        {StepCacheKind::cosine, "cosine"},
                                                        {StepCacheKind::easy, "easy"},
                                                        {StepCacheKind::tea, "tea"}}};

void read_interval(JsonFields& fields, SigmaInterval& interval) {
  std::vector<double> bounds{interval.low, interval.high};
  fields.read("guidance_interval", bounds);
  check<FormatError>(bounds.size() == 2, "world::config", "sampling.guidance_interval", "two numbers", bounds.size());
  interval = {bounds[0], bounds[1]};
}

}  // namespace

void read_sampler(JsonFields& fields, SamplerOptions& sampler) {
  fields.read_name("solver", solver_names, sampler.solver);
  fields.read("guidance_rescale", sampler.guidance_rescale);
  read_interval(fields, sampler.guidance_interval);
  fields.read_name("step_cache", step_cache_names, sampler.step_cache);
  if (fields.find("step_cache_threshold") != nullptr) {
    double threshold = 0.0;
    fields.read("step_cache_threshold", threshold);
    sampler.step_cache_threshold = threshold;
  }
  fields.read("tea_polynomial", sampler.tea_polynomial);
  fields.read("sigma_min", sampler.sigma_min);
  fields.read("extra_one_step", sampler.extra_one_step);
  try {
    check_sampler(sampler, "world::config");
  } catch (const ValueError& error) {
    throw FormatError(error.what());
  }
}

nlohmann::json json_from(const SamplerOptions& sampler) {
  nlohmann::json object{{"solver", name_in(solver_names, sampler.solver)},
                        {"guidance_rescale", sampler.guidance_rescale},
                        {"guidance_interval", {sampler.guidance_interval.low, sampler.guidance_interval.high}},
                        {"step_cache", name_in(step_cache_names, sampler.step_cache)},
                        {"tea_polynomial", sampler.tea_polynomial},
                        {"sigma_min", sampler.sigma_min},
                        {"extra_one_step", sampler.extra_one_step}};
  if (sampler.step_cache_threshold) object["step_cache_threshold"] = *sampler.step_cache_threshold;
  return object;
}

}  // namespace action_images
