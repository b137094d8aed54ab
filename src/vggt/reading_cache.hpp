// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

/// What the network sees in pictures, and its files on disk.
namespace action_images::vggt {

struct Reading {
  at::Tensor pose_enc;          // (S, 9) float32
  at::Tensor depth;             // (S, H, W) float32
  at::Tensor depth_confidence;  // (S, H, W) float32
};

/// Readings on disk. A file's name is the SHA-1 of all that a reading depends on; it carries that text and a checksum,
/// and appears complete or not at all.
class ReadingCache {
 public:
  using Notice = std::function<void(const std::string&)>;

  /// @param folder    made when the first reading is stored.
  /// @param identity  of the network, see vggt_identity().
  /// @param images    (S, 3, H, W) float32 as the network takes them.
  ReadingCache(std::filesystem::path folder, const std::string& identity, const at::Tensor& images, Notice notice);

  /// None if there is no file, or, with a notice, if it is damaged or of something else.
  std::optional<Reading> find() const;
  /// A file that cannot be written is a notice.
  void store(const Reading& reading) const;

  std::filesystem::path path() const;

 private:
  Reading read() const;

  std::filesystem::path folder_;
  std::string content_;  // names all that the reading depends on
  std::int64_t pictures_, height_, width_;
  Notice notice_;
};

}  // namespace action_images::vggt
