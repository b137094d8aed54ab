// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

class MappedFile;

/// How much of the weights is loaded [byte, as in the file].
struct LoadProgress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

struct LoadOptions {
  std::optional<at::ScalarType> dtype = {};  ///< of all floating-point tensors; none: as in the file
  at::Device device = at::kCPU;
  /// Called as the loading goes on; returning false stops by an Interrupted error.
  std::function<bool(const LoadProgress&)> progress = {};
  /// Which of several state dicts in a file of torch.save: the names of the dicts it lies in, joined with '/'.
  std::string part = {};
};

/// Weights as they lie on disk, mapped into memory and not yet read.
///
/// A path is one of these, told apart by its contents and not by its name:
///  - a safetensors file;
///  - a file of torch.save in its zip format (.pth, .pt, .ckpt, .bin), whose state dict may be nested, whose tensors
///    may share storages and have strides, and in which nothing is executed;
///  - an index in JSON ({"weight_map": {tensor: file}}) of shards beside it, each one of the two above;
///  - a folder with one index, with all shards "...-00001-of-0000N...", or with one file of weights.
class MappedWeights {
 public:
  using Metadata = std::map<std::string, std::string>;

  /// @param part  see LoadOptions.
  /// @throws FormatError, naming the file and what is wrong in it, if the path is none of these; all missing shards and
  ///         all tensors that an index promises wrongly are named together.
  explicit MappedWeights(const std::filesystem::path& path, const std::string& part = {});

  /// The tensors by name: not copied; writing to them changes this process's memory only. They keep the files mapped.
  const TensorMap& tensors() const { return tensors_; }

  /// The free texts of the safetensors headers.
  const Metadata& metadata() const { return metadata_; }

  /// The files that the tensors lie in.
  const std::vector<std::filesystem::path>& files() const { return files_; }

  /// A tensor in another dtype or on another device: read, copied piece by piece, and its pages given back, so that no
  /// more of it is in memory than the copy and a piece of 32 MiB (all of it if it is not contiguous).
  /// @param read  called after each piece with its size in the file [byte].
  at::Tensor copy(const at::Tensor& tensor, at::ScalarType dtype, at::Device device,
                  const std::function<void(std::uint64_t)>& read = {}) const;

  /// Gives back the memory of a tensor, unless it is no part of the files. It is read again when it is touched; what
  /// was written to it is lost.
  void release(const at::Tensor& tensor) const;

 private:
  friend class WeightsReader;

  const MappedFile* file_of(const at::Tensor& tensor) const;

  TensorMap tensors_;
  Metadata metadata_;
  std::vector<std::filesystem::path> files_;
  std::vector<std::shared_ptr<MappedFile>> mappings_;
};

/// Every tensor of the weights at a path (see MappedWeights).
///
/// Those that are to keep dtype and device stay mapped and are not copied. The others are copied one by one, and what
/// was read of the file is given back: host memory beyond the result stays below the largest tensor. Tensors that are
/// the same view of one storage stay one tensor.
/// @throws FormatError as MappedWeights; ValueError if the dtype is not a floating-point one or there is no such
///         device; Interrupted.
TensorMap load_tensors(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace action_images
