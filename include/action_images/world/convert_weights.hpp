// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/tensor/weights.hpp>

namespace action_images {

struct ConvertOptions {
  std::optional<at::ScalarType> dtype = {};  ///< of all floating-point tensors; none: as they are
  bool wan_names = true;                     ///< Wan's names, where the network is known; false: as they are
  std::vector<std::pair<std::filesystem::path, double>> loras = {};  ///< to be merged into a transformer, with scales
  std::optional<std::uint64_t> shard_bytes = {};                     ///< most data of a file; none: one file
  std::string part = {};                                             ///< see LoadOptions
  std::function<bool(const LoadProgress&)> progress = {};            ///< as in LoadOptions
};

/// Writes the weights at a path (see MappedWeights) as safetensors: a file, or shards and their index (see
/// write_safetensors), which appear complete or not at all. Tensors are read, changed and written one by one; what
/// was read is given back, so memory stays below a few times the largest tensor. The free texts of the header are kept.
/// @return the files, the index last.
/// @throws FormatError as MappedWeights, Lora::load and Lora::check_fit; ValueError on a dtype that is no
/// floating-point
///         one or not in the format, or LoRAs for other weights than a transformer with wan_names; Interrupted.
std::vector<std::filesystem::path> convert_weights(const std::filesystem::path& input,
                                                   const std::filesystem::path& output,
                                                   const ConvertOptions& options = {});

/// What is in the weights at a path, without reading their numbers, as JSON: "files", "bytes", "values", "kind" (see
/// WeightsKind), "config" (or null), "dtypes" ({name: {tensors, values, bytes}}), "metadata" and "tensors"
/// ([{name, dtype, shape, bytes}], under the names in the file).
/// @throws FormatError as MappedWeights.
nlohmann::json inspect_weights(const std::filesystem::path& path, const std::string& part = {});

}  // namespace action_images
