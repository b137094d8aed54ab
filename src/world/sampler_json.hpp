// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <action_images/tensor/json_fields.hpp>
#include <action_images/world/sampler_options.hpp>

namespace action_images {

/// Reads the keys that SamplerOptions has in the section "sampling" of a config. @throws FormatError naming the key.
void read_sampler(JsonFields& fields, SamplerOptions& sampler);

nlohmann::json json_from(const SamplerOptions& sampler);

}  // namespace action_images
