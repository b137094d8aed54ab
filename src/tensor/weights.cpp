// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/weights.hpp>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/core/interrupted.hpp>

#include "mapped_file.hpp"

namespace action_images {

namespace {

constexpr std::uint64_t piece_bytes = std::uint64_t{32} << 20;

// What makes two tensors the same view of one storage.
using View = std::tuple<const void*, std::vector<std::int64_t>, std::vector<std::int64_t>, at::ScalarType>;

View view_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr(), tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type()};
}

void check_options(const LoadOptions& options) {
  constexpr const char* where = "tensor::load_tensors";
  const bool floating = !options.dtype || at::isFloatingType(*options.dtype);
  check(floating, where, "dtype", "a floating-point type", at::toString(options.dtype.value_or(at::kFloat)));
  const bool there = options.device.is_cpu() || (options.device.is_cuda() && at::hasCUDA());
  check(there, where, "device", "the CPU or a CUDA device of this machine", options.device.str());
}

// Loads tensors one by one and counts what it has read.
class Loading {
 public:
  Loading(const MappedWeights& weights, const LoadOptions& options) : weights_(weights), options_(options) {
    for (const auto& [name, tensor] : weights.tensors()) progress_.total += tensor.nbytes();
  }

  TensorMap run() {
    TensorMap loaded;
    for (const auto& [name, tensor] : weights_.tensors()) {
      auto& known = views_[view_of(tensor)];
      if (known.defined() && tensor.numel() > 0) {
        advance(tensor.nbytes());
      } else {
        known = load(tensor);
      }
      loaded.emplace(name, known);
    }
    return loaded;
  }

 private:
  at::Tensor load(const at::Tensor& tensor) {
    const bool cast = options_.dtype && tensor.is_floating_point();
    const at::ScalarType dtype = cast ? *options_.dtype : tensor.scalar_type();
    if (dtype == tensor.scalar_type() && options_.device == tensor.device()) {
      advance(tensor.nbytes());
      return tensor;
    }
    return weights_.copy(tensor, dtype, options_.device, [this](std::uint64_t bytes) { advance(bytes); });
  }

  void advance(std::uint64_t bytes) {
    progress_.done += bytes;
    const bool go_on = !options_.progress || options_.progress(progress_);
    if (!go_on) throw Interrupted("[tensor::load_tensors] stopped by the progress callback");
  }

  const MappedWeights& weights_;
  const LoadOptions& options_;
  LoadProgress progress_;
  std::map<View, at::Tensor> views_;
};

}  // namespace

at::Tensor MappedWeights::copy(const at::Tensor& tensor, at::ScalarType dtype, at::Device device,
                               const std::function<void(std::uint64_t)>& read) const {
  at::Tensor result = at::empty(tensor.sizes(), at::TensorOptions(dtype).device(device));
  const bool flat = tensor.is_contiguous();
  const at::Tensor source = flat ? tensor.view(-1) : tensor;
  const at::Tensor target = flat ? result.view(-1) : result;
  const MappedFile* const file = file_of(tensor);
  const std::int64_t all = flat ? source.numel() : 1;
  const auto width = static_cast<std::int64_t>(tensor.element_size());
  const std::int64_t step = flat ? static_cast<std::int64_t>(piece_bytes) / width : 1;
  for (std::int64_t begin = 0; begin < all; begin += step) {
    const std::int64_t end = std::min(begin + step, all);
    const at::Tensor piece = flat ? source.slice(0, begin, end) : source;
    if (file != nullptr && flat) {
      const auto* const data = static_cast<const std::uint8_t*>(piece.const_data_ptr());
      file->populate(data, piece.nbytes());
      file->prefetch(data + piece.nbytes(), static_cast<std::uint64_t>((std::min(end + step, all) - end) * width));
    }
    (flat ? target.slice(0, begin, end) : target).copy_(piece);
    release(piece);
    if (read) read(piece.nbytes());
  }
  return result;
}

const MappedFile* MappedWeights::file_of(const at::Tensor& tensor) const {
  const auto holds = [&](const auto& file) { return file->contains(tensor.const_data_ptr(), tensor.nbytes()); };
  const auto found = std::find_if(mappings_.begin(), mappings_.end(), holds);
  return found == mappings_.end() || tensor.numel() == 0 ? nullptr : found->get();
}

void MappedWeights::release(const at::Tensor& tensor) const {
  const MappedFile* const file = file_of(tensor);
  if (file == nullptr) return;
  std::int64_t last = 0;  // element of the view, from its first
  for (std::int64_t axis = 0; axis < tensor.dim(); ++axis) last += (tensor.size(axis) - 1) * tensor.stride(axis);
  file->release(tensor.const_data_ptr(), static_cast<std::uint64_t>(last + 1) * tensor.element_size());
}

TensorMap load_tensors(const std::filesystem::path& path, const LoadOptions& options) {
  check_options(options);
  const MappedWeights weights(path, options.part);
  return Loading(weights, options).run();
}

}  // namespace action_images
