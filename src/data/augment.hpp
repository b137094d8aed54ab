// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <action_images/codec/camera.hpp>
#include <action_images/data/clip.hpp>
#include <action_images/data/random_stream.hpp>
#include <action_images/video/frames.hpp>

namespace action_images {

void check_augmentation(const Augmentation& augmentation, std::string_view where);

/// What is done to the pictures and cameras of one view of a clip, the same for all frames. Pictures are read larger
/// than the clip's when a part of them is to fill it, so that they are resized once.
class ViewChange {
 public:
  ViewChange(const Augmentation& augmentation, int height, int width, RandomStream draw);

  int read_height() const { return read_height_; }  ///< size in which pictures are to be read
  int read_width() const { return read_width_; }

  /// @param pictures  of the size to be read.   @param target  (frames, height, width, 3).
  void apply(const VideoFrames& pictures, std::span<std::uint8_t> target) const;

  /// The camera of the changed pictures.
  Camera apply(const Camera& camera) const;

 private:
  int height_, width_, read_height_, read_width_;
  int top_ = 0, left_ = 0;                        // of the part, in pictures as they are read
  std::array<double, 3> factors_{1.0, 1.0, 1.0};  // brightness, contrast, saturation
  bool recolours_ = false;

  void recolour(std::span<std::uint8_t> pictures) const;
};

}  // namespace action_images
