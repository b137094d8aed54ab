// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <action_images/codec/array.hpp>
#include <action_images/core/check.hpp>

/// Between the codec's arrays and tensors. Arrays are row-major and live on the CPU.
namespace action_images {

namespace detail {

template <typename Array>
std::vector<std::int64_t> sizes_of(const Array& array) {
  return {array.shape().begin(), array.shape().end()};
}

}  // namespace detail

/// The array's values as a tensor, not copied: the array must outlive it.
template <typename Array>
at::Tensor tensor_view(Array& array) {
  return at::from_blob(array.data(), detail::sizes_of(array),
                       at::TensorOptions(c10::CppTypeToScalarType<typename Array::value_type>::value));
}

/// The array as a tensor that owns it; a moved array is not copied.
template <typename Array>
at::Tensor to_tensor(Array array) {
  const auto owner = std::make_shared<Array>(std::move(array));
  return at::from_blob(
      owner->data(), detail::sizes_of(*owner), [owner](void*) {},
      at::TensorOptions(c10::CppTypeToScalarType<typename Array::value_type>::value));
}

/// A copy of the tensor's values, from any device and stride.
/// @throws ShapeError unless the tensor has that many axes; ValueError unless it has that dtype.
template <typename Value, std::size_t Axes>
LargeArray<Value, Axes> to_array(const at::Tensor& tensor) {
  constexpr auto dtype = c10::CppTypeToScalarType<Value>::value;
  check_shape(tensor.dim() == static_cast<std::int64_t>(Axes), "tensor::to_array", "tensor", text_of(Axes, " axes"),
              tensor.sizes());
  check(tensor.scalar_type() == dtype, "tensor::to_array", "tensor", at::toString(dtype),
        at::toString(tensor.scalar_type()));
  typename LargeArray<Value, Axes>::shape_type shape;
  std::copy(tensor.sizes().begin(), tensor.sizes().end(), shape.begin());
  auto array = LargeArray<Value, Axes>::from_shape(shape);
  tensor_view(array).copy_(tensor.detach());
  return array;
}

/// Pixels of a contiguous tensor (V, T, H, W, 3) on the CPU, not copied: the tensor must outlive the view.
/// @throws ShapeError on another shape; ValueError on another dtype, device or stride.
template <PixelType Pixel>
ImagesView<const Pixel> images_view(const at::Tensor& tensor) {
  constexpr auto dtype = c10::CppTypeToScalarType<Pixel>::value;
  check_shape(tensor.dim() == 5 && tensor.size(4) == 3, "tensor::images_view", "tensor", "(V, T, H, W, 3)",
              tensor.sizes());
  check(tensor.scalar_type() == dtype && tensor.device().is_cpu() && tensor.is_contiguous(), "tensor::images_view",
        "tensor", text_of("contiguous ", at::toString(dtype), " on the CPU"), tensor.toString());
  const auto size = [&](std::int64_t axis) { return static_cast<std::size_t>(tensor.size(axis)); };
  return {tensor.const_data_ptr<Pixel>(), size(0), size(1), size(2), size(3)};
}

}  // namespace action_images
