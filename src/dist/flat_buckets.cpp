// SPDX-License-Identifier: Apache-2.0
#include "flat_buckets.hpp"

#include <algorithm>
#include <map>

namespace action_images {

FlatBucket::Overlap FlatBucket::overlap(const Entry& entry, int rank) const {
  const std::int64_t first = rank * part;
  const std::int64_t begin = std::max(entry.offset, first), end = std::min(entry.offset + entry.count, first + part);
  if (begin >= end) return {0, 0, 0};
  return {begin - entry.offset, end - entry.offset, begin - first};
}

std::vector<FlatBucket> flat_buckets(const Parameters::Named& parameters, std::int64_t bucket_values, int processes) {
  std::vector<FlatBucket> buckets;
  std::map<at::ScalarType, std::size_t> open;  // the bucket of each dtype that still takes parameters
  for (std::size_t index = parameters.size(); index-- > 0;) {
    const at::Tensor& tensor = parameters[index].second;
    const auto found = open.find(tensor.scalar_type());
    if (found == open.end() || buckets[found->second].count >= bucket_values) {
      open[tensor.scalar_type()] = buckets.size();
      buckets.push_back({.entries = {}, .dtype = tensor.scalar_type()});
    }
    FlatBucket& bucket = buckets[open.at(tensor.scalar_type())];
    bucket.entries.push_back({index, bucket.count, tensor.numel()});
    bucket.count += tensor.numel();
  }
  for (FlatBucket& bucket : buckets) bucket.part = (bucket.count + processes - 1) / processes;
  return buckets;
}

}  // namespace action_images
