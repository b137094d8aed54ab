// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/convert_weights.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>
#include <action_images/tensor/safetensors.hpp>
#include <action_images/wan/lora.hpp>
#include <action_images/world/weights_kind.hpp>

namespace action_images {

namespace fs = std::filesystem;

namespace {

constexpr const char* where = "world::convert_weights";

struct ScaledLora {
  Lora lora;
  double scale;
};

// One conversion: what is made of each tensor when its turn to be written comes.
class Conversion {
 public:
  Conversion(const fs::path& input, const ConvertOptions& options) : weights_(input, options.part), options_(options) {
    const bool floating = !options.dtype || at::isFloatingType(*options.dtype);
    check(floating, where, "dtype", "a floating-point type", at::toString(options.dtype.value_or(at::kFloat)));
    KnownWeights known =
        options.wan_names ? know_weights(weights_.tensors()) : KnownWeights{WeightsKind::other, weights_.tensors()};
    tensors_ = std::move(known.tensors);
    check(options.loras.empty() || known.kind == WeightsKind::transformer, where, "loras",
          "none but for a transformer with Wan's names", weights_kind_name(known.kind));
    for (const auto& [path, scale] : options.loras) {
      check(std::isfinite(scale), where, "scale", "a finite number", scale);
      loras_.push_back({Lora::load(path), scale});
      loras_.back().lora.check_fit(tensors_);
    }
    for (const auto& [name, tensor] : tensors_) progress_.total += tensor.nbytes();
  }

  std::map<std::string, TensorSource> sources() {
    std::map<std::string, TensorSource> sources;
    for (const auto& [name, tensor] : tensors_) {
      const auto make = [this, &name = name, &tensor = tensor] { return made(name, tensor); };
      sources.emplace(name, TensorSource{dtype_of(tensor), tensor.sizes().vec(), make});
    }
    return sources;
  }

  const MappedWeights::Metadata& metadata() const { return weights_.metadata(); }

 private:
  at::ScalarType dtype_of(const at::Tensor& tensor) const {
    return options_.dtype && tensor.is_floating_point() ? *options_.dtype : tensor.scalar_type();
  }

  at::Tensor made(const std::string& name, const at::Tensor& tensor) {
    const bool changed = std::any_of(loras_.begin(), loras_.end(), [&](const auto& l) { return l.lora.changes(name); });
    const at::ScalarType read = changed ? at::kFloat : dtype_of(tensor);
    at::Tensor result = weights_.copy(tensor, read, at::kCPU, [this](std::uint64_t bytes) { advance(bytes); });
    if (!changed) return result;
    for (const auto& [lora, scale] : loras_) result = lora.merged(name, result, scale);
    return result.to(dtype_of(tensor));
  }

  void advance(std::uint64_t bytes) {
    progress_.done += bytes;
    const bool go_on = !options_.progress || options_.progress(progress_);
    if (!go_on) throw Interrupted("[world::convert_weights] stopped by the progress callback");
  }

  MappedWeights weights_;
  const ConvertOptions& options_;
  TensorMap tensors_;
  std::vector<ScaledLora> loras_;
  LoadProgress progress_;
};

// As in Python: "bfloat16".
std::string dtype_name(const at::Tensor& tensor) { return std::string(c10::getDtypeNames(tensor.scalar_type()).first); }

nlohmann::json tensor_json(const std::string& name, const at::Tensor& tensor) {
  return {{"name", name}, {"dtype", dtype_name(tensor)}, {"shape", tensor.sizes().vec()}, {"bytes", tensor.nbytes()}};
}

}  // namespace

std::vector<fs::path> convert_weights(const fs::path& input, const fs::path& output, const ConvertOptions& options) {
  Conversion conversion(input, options);
  return write_safetensors(output, conversion.sources(), conversion.metadata(), options.shard_bytes);
}

nlohmann::json inspect_weights(const fs::path& path, const std::string& part) {
  const MappedWeights weights(path, part);
  nlohmann::json dtypes = nlohmann::json::object(), tensors = nlohmann::json::array(), files = nlohmann::json::array();
  std::uint64_t bytes = 0, values = 0;
  for (const auto& [name, tensor] : weights.tensors()) {
    tensors.push_back(tensor_json(name, tensor));
    auto& dtype = dtypes[dtype_name(tensor)];
    if (dtype.is_null()) dtype = {{"tensors", 0}, {"values", 0}, {"bytes", 0}};
    dtype["tensors"] = dtype["tensors"].get<std::uint64_t>() + 1;
    dtype["values"] = dtype["values"].get<std::uint64_t>() + static_cast<std::uint64_t>(tensor.numel());
    dtype["bytes"] = dtype["bytes"].get<std::uint64_t>() + tensor.nbytes();
    bytes += tensor.nbytes();
    values += static_cast<std::uint64_t>(tensor.numel());
  }
  for (const fs::path& file : weights.files()) files.push_back(file.string());
  const KnownWeights known = know_weights(weights.tensors());
  return {{"files", files},
          {"bytes", bytes},
          {"values", values},
          {"kind", weights_kind_name(known.kind)},
          {"config", config_of_weights(known)},
          {"dtypes", dtypes},
          {"metadata", weights.metadata()},
          {"tensors", tensors}};
}

}  // namespace action_images
