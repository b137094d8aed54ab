// SPDX-License-Identifier: Apache-2.0
#include "share_parameters.hpp"

#include <algorithm>
#include <iterator>

#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

namespace action_images {

namespace {

constexpr std::size_t broadcast_bytes = std::size_t{256} << 20;

// One text for the names, shapes and dtypes, which every process compares with rank 0's.
std::string description(const Parameters::Named& parameters) {
  std::string text;
  for (const auto& [name, tensor] : parameters) {
    text += text_of(name, ' ', shape_text(tensor.sizes()), ' ', tensor.scalar_type(),
                    tensor.requires_grad() ? " trained\n" : "\n");
  }
  return text;
}

// The first line in which two descriptions differ.
std::string difference(const std::string& expected, const std::string& got) {
  const auto at = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  const auto line = [](const std::string& text, std::size_t position) {
    if (position >= text.size()) return std::string("no parameter");
    const std::size_t before = text.rfind('\n', position == 0 ? 0 : position - 1);
    const std::size_t first = before == std::string::npos || position == 0 ? 0 : before + 1;
    return text.substr(first, text.find('\n', position) - first);
  };
  return line(got, static_cast<std::size_t>(at.second - got.begin())) + " where rank 0 has " +
         line(expected, static_cast<std::size_t>(at.first - expected.begin()));
}

}  // namespace

void share_parameters(const Parameters::Named& parameters, const ProcessGroup& group) {
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : parameters) {
    check(tensor.is_floating_point() && tensor.is_contiguous(), "dist::share_parameters", name,
          "a contiguous floating-point tensor",
          text_of(tensor.scalar_type(), " with strides ", shape_text(tensor.strides())));
    values.push_back(tensor.detach());
  }
  ProcessGroup::Impl& job = group.impl();
  if (job.alone()) return;
  const std::string own = description(parameters);
  const std::vector<std::string> all = group.gather(own);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw DistributedError(text_of("[dist::share_parameters] rank ", rank, " has ", difference(all[0], all[rank])));
  }
  try {
    if (!values.empty()) c10d::broadcast_coalesced(job.group, values, broadcast_bytes);
  } catch (const std::exception& error) {
    job.fail("the first broadcast of the parameters", error.what());
  }
}

Parameters::Named trained(const Parameters::Named& parameters) {
  Parameters::Named trained;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(trained),
               [](const auto& named) { return named.second.requires_grad(); });
  return trained;
}

}  // namespace action_images
