// SPDX-License-Identifier: Apache-2.0
#include "augment.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <action_images/core/check.hpp>

namespace action_images {
namespace {

// Luma of BT.601, by which most image libraries make a picture grey.
double grey_of(double red, double green, double blue) { return 0.299 * red + 0.587 * green + 0.114 * blue; }

double mean_grey(std::span<const std::uint8_t> pictures) {
  std::array<std::uint64_t, 3> sums{};
  for (std::size_t i = 0; i < pictures.size(); ++i) sums[i % 3] += pictures[i];
  const double pixels = static_cast<double>(pictures.size()) / 3.0;
  return grey_of(static_cast<double>(sums[0]), static_cast<double>(sums[1]), static_cast<double>(sums[2])) / pixels;
}

int enlarged(int size, double scale) { return std::min(static_cast<int>(std::lround(size / scale)), Camera::max_size); }

}  // namespace

void check_augmentation(const Augmentation& augmentation, std::string_view where) {
  const auto in_range = [&](const char* name, double value, double most) {
    check(value >= 0.0 && value <= most, where, text_of("augmentation.", name), text_of("0..", most), value);
  };
  in_range("brightness", augmentation.brightness, 1.0);
  in_range("contrast", augmentation.contrast, 1.0);
  in_range("saturation", augmentation.saturation, 1.0);
  in_range("crop", augmentation.crop, 0.75);
}

ViewChange::ViewChange(const Augmentation& augmentation, int height, int width, RandomStream draw)
    : height_(height), width_(width), read_height_(height), read_width_(width) {
  const double scale = draw.uniform(1.0 - augmentation.crop, 1.0);
  const double down = draw.uniform(), right = draw.uniform();
  if (augmentation.crop > 0.0) {
    read_height_ = enlarged(height, scale);
    read_width_ = enlarged(width, scale);
    top_ = static_cast<int>(down * (read_height_ - height + 1));
    left_ = static_cast<int>(right * (read_width_ - width + 1));
  }
  const std::array<double, 3> amounts{augmentation.brightness, augmentation.contrast, augmentation.saturation};
  for (std::size_t i = 0; i < 3; ++i) factors_[i] = draw.uniform(1.0 - amounts[i], 1.0 + amounts[i]);
  recolours_ = std::any_of(amounts.begin(), amounts.end(), [](double amount) { return amount > 0.0; });
}

void ViewChange::apply(const VideoFrames& pictures, std::span<std::uint8_t> target) const {
  const std::size_t row = 3 * static_cast<std::size_t>(width_), read_row = 3 * static_cast<std::size_t>(read_width_);
  std::uint8_t* to = target.data();
  for (int frame = 0; frame < pictures.frames; ++frame) {
    const std::uint8_t* from =
        pictures.frame(frame) + static_cast<std::size_t>(top_) * read_row + 3 * static_cast<std::size_t>(left_);
    for (int y = 0; y < height_; ++y, from += read_row, to += row) std::memcpy(to, from, row);
  }
  if (recolours_) recolour(target);
}

void ViewChange::recolour(std::span<std::uint8_t> pictures) const {
  const auto [brightness, contrast, saturation] = factors_;
  const double mean = brightness * mean_grey(pictures);
  for (std::size_t i = 0; i + 2 < pictures.size(); i += 3) {
    std::array<double, 3> colour;
    for (std::size_t c = 0; c < 3; ++c) colour[c] = mean + contrast * (brightness * pictures[i + c] - mean);
    const double grey = grey_of(colour[0], colour[1], colour[2]);
    for (std::size_t c = 0; c < 3; ++c) {
      const double value = grey + saturation * (colour[c] - grey);
      pictures[i + c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0) + 0.5);
    }
  }
}

Camera ViewChange::apply(const Camera& camera) const {
  const Camera read = camera.center_crop_resize(read_height_, read_width_);
  if (read_height_ == height_ && read_width_ == width_) return read;
  Eigen::Matrix3d intrinsics = read.intrinsics();
  intrinsics(0, 2) -= left_;
  intrinsics(1, 2) -= top_;
  return {intrinsics, read.world_from_camera().matrix(), width_, height_, read.distortion()};
}

}  // namespace action_images
