// SPDX-License-Identifier: Apache-2.0
#include "reading_cache.hpp"

#include <iostream>
#include <utility>

#include <ATen/ATen.h>
#include <c10/util/hash.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>

namespace action_images::vggt {

namespace {

constexpr const char* where = "vggt::ReadingCache";
constexpr const char* version = "vggt reading 1";

std::string digest(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  const auto* const bytes = static_cast<const char*>(values.const_data_ptr());
  return c10::sha1(text_of(values.scalar_type(), ' ', shape_text(values.sizes()), '\n') +
                   std::string(bytes, values.nbytes()))
      .str();
}

TensorMap tensors_of(const Reading& reading) {
  return {{"pose_enc", reading.pose_enc.contiguous()},
          {"depth", reading.depth.contiguous()},
          {"depth_confidence", reading.depth_confidence.contiguous()}};
}

std::string checksum(const Reading& reading) {
  std::string sums;
  for (const auto& [name, tensor] : tensors_of(reading)) sums += digest(tensor) + ' ';
  return sums;
}

}  // namespace

ReadingCache::ReadingCache(std::filesystem::path folder, const std::string& identity, const at::Tensor& images,
                           Notice notice)
    : folder_(std::move(folder)),
      content_(text_of(version, '\n', identity, '\n')),
      pictures_(images.size(0)),
      height_(images.size(2)),
      width_(images.size(3)),
      notice_(std::move(notice)) {
  for (const at::Tensor& image : images.unbind()) content_ += digest(image) + '\n';
  if (!notice_) notice_ = [](const std::string& text) { std::cerr << text << '\n'; };
}

std::filesystem::path ReadingCache::path() const { return folder_ / (c10::sha1(content_).str() + ".safetensors"); }

Reading ReadingCache::read() const {
  const SafetensorsFile file(path());
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string("nothing") : found->second;
  };
  check<FormatError>(text("content") == content_, where, path().string(), "what was seen in these pictures",
                     "something else");
  const auto tensor = [&](const char* name, std::vector<std::int64_t> shape) {
    check<FormatError>(file.contains(name), where, path().string(), name, "no such tensor");
    const at::Tensor values = file.tensor(name).clone();
    const bool fits = values.sizes() == at::IntArrayRef(shape) && values.scalar_type() == at::kFloat;
    check<FormatError>(fits, where, path().string(), text_of(name, " of ", shape_text(shape)),
                       shape_text(values.sizes()));
    return values;
  };
  const Reading reading{tensor("pose_enc", {pictures_, 9}), tensor("depth", {pictures_, height_, width_}),
                        tensor("depth_confidence", {pictures_, height_, width_})};
  check<FormatError>(text("checksum") == checksum(reading), where, path().string(), "numbers of its checksum",
                     "others");
  return reading;
}

std::optional<Reading> ReadingCache::find() const {
  std::error_code error;
  if (!std::filesystem::exists(path(), error)) return std::nullopt;
  try {
    return read();
  } catch (const ValueError& damage) {
    notice_(text_of("damaged cached cameras are estimated again: ", damage.what()));
    return std::nullopt;
  }
}

void ReadingCache::store(const Reading& reading) const {
  try {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    check<FormatError>(!error, where, folder_.string(), "a folder that can be made", error.message());
    save_safetensors(path(), tensors_of(reading), {{"content", content_}, {"checksum", checksum(reading)}});
  } catch (const ValueError& fault) {
    notice_(text_of("estimated cameras are not kept: ", fault.what()));
  }
}

}  // namespace action_images::vggt
