// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/nn/parameters.hpp>

namespace action_images {

/// Parameters of one dtype that lie flat one after the other, in equal parts for the processes.
struct FlatBucket {
  struct Entry {
    std::size_t parameter;  ///< its index
    std::int64_t offset;    ///< of its first value in the bucket
    std::int64_t count;
  };

  std::vector<Entry> entries;
  at::ScalarType dtype;    ///< of the parameters
  std::int64_t count = 0;  ///< values of all entries
  std::int64_t part = 0;   ///< values of every process; size * part >= count, the rest is padding

  /// Where an entry lies in the part of a rank, and what of it: empty where start == stop.
  struct Overlap {
    std::int64_t start;  ///< [start, stop) of the flattened parameter
    std::int64_t stop;
    std::int64_t in_part;  ///< the place of `start` in the part
  };
  Overlap overlap(const Entry& entry, int rank) const;
};

/// The parameters in buckets of about `bucket_values` values, last parameters first, as their gradients come.
std::vector<FlatBucket> flat_buckets(const Parameters::Named& parameters, std::int64_t bucket_values, int processes);

}  // namespace action_images
