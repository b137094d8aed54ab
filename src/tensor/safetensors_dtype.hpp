// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace action_images {

struct SafetensorsDtype {
  std::string_view name;
  at::ScalarType type;
};

inline constexpr std::array<SafetensorsDtype, 10> safetensors_dtypes = {{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};

/// The dtype of a name in the format; nullopt if there is none.
inline std::optional<at::ScalarType> dtype_of(std::string_view name) {
  for (const auto& dtype : safetensors_dtypes) {
    if (dtype.name == name) return dtype.type;
  }
  return std::nullopt;
}

/// The format's name of a dtype; nullopt if there is none.
inline std::optional<std::string_view> name_of(at::ScalarType type) {
  for (const auto& dtype : safetensors_dtypes) {
    if (dtype.type == type) return dtype.name;
  }
  return std::nullopt;
}

}  // namespace action_images
