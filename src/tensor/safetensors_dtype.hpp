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

inline constexpr std::array<SafetensorsDtype, 15> safetensors_dtypes = {{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U64", at::kUInt64},
    {"U32", at::kUInt32},
    {"U16", at::kUInt16},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};

/// For messages.
inline constexpr std::string_view safetensors_dtypes_text =
    "dtype F64 F32 F16 BF16 F8_E4M3 F8_E5M2 I64 I32 I16 I8 U64 U32 U16 U8 or BOOL";

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
