// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <action_images/tensor/weights.hpp>

namespace action_images {

/// Where the weights of a network go.
struct Placement {
  std::optional<at::ScalarType> dtype{};  ///< none: the common one, float16 as float32
  at::Device device = at::kCPU;
  std::function<bool(const LoadProgress&)> progress{};
};

/// The weights of one network, mapped from the files they lie in.
class PartWeights {
 public:
  /// @param prefix  only tensors of these names, without the prefix.
  /// @throws FormatError if a file is damaged, two files have a tensor of one name, or there is none.
  explicit PartWeights(const std::vector<std::filesystem::path>& files, std::string_view prefix = {});

  const TensorMap& tensors() const { return tensors_; }
  std::uint64_t bytes() const;

  /// The dtype of most of the weights [byte]; float32 instead of float16.
  at::ScalarType common_dtype() const;

  /// All tensors as they are to be; those that are so already are not copied. @throws Interrupted
  TensorMap placed(const Placement& placement) const;

 private:
  std::vector<MappedWeights> files_;
  TensorMap tensors_;
  std::map<std::string, std::size_t> file_of_;
};

/// A dtype's name as Python has it without "torch.": "bfloat16".
std::string dtype_name(at::ScalarType dtype);

}  // namespace action_images
