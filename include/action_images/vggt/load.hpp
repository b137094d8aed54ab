// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <action_images/tensor/weights.hpp>
#include <action_images/vggt/vggt.hpp>

namespace action_images {

struct VggtLoadOptions {
  /// None: a config.json beside the weights, where it says so, and their shapes; see vggt_config_from_tensors().
  std::optional<VggtConfig> config = {};
  at::ScalarType dtype = at::kFloat;  ///< of the trunk; the heads are float32
  at::Device device = at::kCPU;
  std::function<bool(const LoadProgress&)> progress = {};  ///< see LoadOptions
};

/// The sizes of a network by the shapes of its tensors under the published names.
///
/// What shapes do not tell is taken from `known`, and else as VGGT-1B has it: as many heads in the camera head as in
/// the trunk, and for 24 pairs of blocks the taps 4, 11, 17, 23, for others four evenly spaced ones that end with the
/// last.
/// @param known  fields by name that are not to be guessed (cam_heads, taps); others are overruled by the shapes.
/// @throws FormatError naming a tensor that is missing or has other axes, or sizes that do not make a network.
VggtConfig vggt_config_from_tensors(const TensorMap& tensors, const nlohmann::json& known);
VggtConfig vggt_config_from_tensors(const TensorMap& tensors);

/// The file of weights that a path means: itself, or of a folder model.safetensors, model.pt or vggt_1B_commercial.pt,
/// the first that is there; a folder with none of them is left to MappedWeights.
/// @throws FormatError if there is no such path.
std::filesystem::path vggt_weights_path(const std::filesystem::path& path);

/// The config of the network that load_vggt() would make; no numbers are read. @throws as load_vggt
VggtConfig vggt_config_of(const std::filesystem::path& path, const VggtLoadOptions& options = {});

/// Names what load_vggt() would make: the contents of all files, when they were written, the config and the dtype.
/// @throws FormatError as load_vggt, for files that cannot be read.
std::string vggt_identity(const std::filesystem::path& path, const VggtLoadOptions& options = {});

/// The network of published weights: a file of safetensors or torch.save, or a folder with one.
///
/// Tensors that keep their dtype on the CPU stay mapped and are nobody's copy; the others are copied one by one. The
/// tracking head is not read.
/// @throws FormatError for a file that is missing or damaged, or listing all tensors that do not fit; ValueError for a
///         dtype or a device that there is not; Interrupted.
Vggt load_vggt(const std::filesystem::path& path, const VggtLoadOptions& options = {});

}  // namespace action_images
