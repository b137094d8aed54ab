// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <action_images/dist/process_group.hpp>
#include <action_images/nn/parameters.hpp>

namespace action_images {

/// Gives every process rank 0's values of the parameters.
/// @throws ValueError naming a parameter that is not contiguous or not floating point; DistributedError if the
/// processes
///         have other parameters.
void share_parameters(const Parameters::Named& parameters, const ProcessGroup& group);

/// The parameters that need gradients.
Parameters::Named trained(const Parameters::Named& parameters);

}  // namespace action_images
