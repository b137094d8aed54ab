// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace action_images {

/// T5's buckets of relative positions, (length, length) int64 for (query, key), both directions: a quarter of the
/// buckets for the nearest distances one by one, as many again for those up to 128 on a logarithmic scale; then the
/// same for keys after the query.
at::Tensor position_buckets(std::int64_t length, std::int64_t buckets);

}  // namespace action_images
