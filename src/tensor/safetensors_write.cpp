// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/core/file.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "safetensors_dtype.hpp"

namespace action_images {

namespace {

constexpr const char* where = "tensor::save_safetensors";

using NamedTensor = std::pair<std::string, at::Tensor>;

// Wide items first, so that every tensor lies at a multiple of its item size without gaps.
std::vector<NamedTensor> ordered(const TensorMap& tensors) {
  std::vector<NamedTensor> order;
  for (const auto& [name, tensor] : tensors) {
    check(name != "__metadata__", where, "name", "another name than the reserved one", name);
    check(tensor.defined(), where, name, "a tensor", "an undefined one");
    check(name_of(tensor.scalar_type()).has_value(), where, name, "dtype F64 F32 F16 BF16 I64 I32 I16 I8 U8 or BOOL",
          at::toString(tensor.scalar_type()));
    order.emplace_back(name, tensor.detach());
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  return order;
}

std::string header_of(const std::vector<NamedTensor>& tensors, const SafetensorsFile::Metadata& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + tensor.nbytes();
    header[name] = {
        {"dtype", *name_of(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const nlohmann::json::exception&) {
    throw ValueError(expected_text(where, "names and metadata", "UTF-8 text", "other bytes"));
  }
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const SafetensorsFile::Metadata& metadata) {
  const auto order = ordered(tensors);
  const std::string header = header_of(order, metadata);
  ReplacementFile file(path, where);
  const std::uint64_t length = header.size();
  file.write(&length, sizeof(length));
  file.write(header.data(), header.size());
  for (const auto& [name, tensor] : order) {
    const at::Tensor values = tensor.cpu().contiguous();
    if (values.nbytes() > 0) file.write(values.data_ptr(), values.nbytes());
  }
  file.commit();
}

}  // namespace action_images
