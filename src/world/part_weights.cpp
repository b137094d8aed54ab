// SPDX-License-Identifier: Apache-2.0
#include "part_weights.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>

namespace action_images {

PartWeights::PartWeights(const std::vector<std::filesystem::path>& files, std::string_view prefix) {
  constexpr auto where = "world::load_weights";
  for (const auto& path : files) {
    const MappedWeights& weights = files_.emplace_back(path);
    for (const auto& [name, tensor] : weights.tensors()) {
      if (name.compare(0, prefix.size(), prefix) != 0) continue;
      const bool fresh = tensors_.emplace(name.substr(prefix.size()), tensor).second;
      check<FormatError>(fresh, where, path.string(), "a tensor that no other file has", name);
      file_of_[name.substr(prefix.size())] = files_.size() - 1;
    }
  }
  check<FormatError>(!tensors_.empty(), where, files.empty() ? "files" : files.front().string(), "weights", "none");
}

std::uint64_t PartWeights::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += tensor.nbytes();
  return bytes;
}

at::ScalarType PartWeights::common_dtype() const {
  std::map<at::ScalarType, std::uint64_t> bytes;
  for (const auto& [name, tensor] : tensors_) {
    if (tensor.is_floating_point()) bytes[tensor.scalar_type()] += tensor.nbytes();
  }
  if (bytes.empty()) return at::kFloat;
  const auto largest =
      std::max_element(bytes.begin(), bytes.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return largest->first == at::kHalf ? at::kFloat : largest->first;
}

TensorMap PartWeights::placed(const Placement& placement) const {
  const at::ScalarType dtype = placement.dtype.value_or(common_dtype());
  LoadProgress progress{0, bytes()};
  const auto report = [&](std::uint64_t read) {
    progress.done += read;
    if (!placement.progress || placement.progress(progress)) return;
    throw Interrupted("[world::load_weights] stopped by the progress callback");
  };
  TensorMap placed;
  for (const auto& [name, tensor] : tensors_) {
    const at::ScalarType wanted = tensor.is_floating_point() ? dtype : tensor.scalar_type();
    const bool stays = tensor.scalar_type() == wanted && placement.device.is_cpu();
    placed[name] = stays ? tensor : files_[file_of_.at(name)].copy(tensor, wanted, placement.device, report);
    if (stays) report(tensor.nbytes());
  }
  return placed;
}

std::string dtype_name(at::ScalarType dtype) {
  std::string name = text_of(dtype);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return name == "float" ? "float32" : name == "half" ? "float16" : name == "double" ? "float64" : name;
}

}  // namespace action_images
