// SPDX-License-Identifier: Apache-2.0
#include "given_pictures.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/crop_resize.hpp>
#include <action_images/vggt/estimate_cameras.hpp>

namespace action_images {

namespace vggt {

namespace {

constexpr const char* where = "vggt::estimate_cameras";
constexpr std::size_t most_pictures = 1024;
constexpr double hardly_different = 1.5 / 255.0;  // mean difference of pixels

at::Tensor colors_of(const at::Tensor& picture) { return picture.narrow(2, 0, 3); }

bool same_picture(const at::Tensor& a, const at::Tensor& b) {
  return a.size(0) == b.size(0) && a.size(1) == b.size(1) && at::equal(colors_of(a), colors_of(b));
}

void check_picture(const at::Tensor& picture, const std::string& name) {
  const bool fits = picture.dim() == 3 && picture.numel() > 0 && (picture.size(2) == 3 || picture.size(2) == 4);
  check_shape(fits, where, name, "(H, W, 3) or (H, W, 4)", picture.sizes());
  check(picture.scalar_type() == at::kByte, where, name, "dtype uint8", at::toString(picture.scalar_type()));
  const auto side = std::max(picture.size(0), picture.size(1));
  check_shape(side <= Camera::max_size, where, name, text_of("sides up to ", Camera::max_size), picture.sizes());
  const at::Tensor pixels = colors_of(picture).flatten(0, 1);
  const at::Tensor most = std::get<0>(pixels.max(0)).to(at::kInt), least = std::get<0>(pixels.min(0)).to(at::kInt);
  check((most - least).max().item<int>() > 2, where, name, "a picture that shows something", "one colour");
}

double difference(const at::Tensor& images, std::size_t i, std::size_t j) {
  return (images[static_cast<std::int64_t>(i)] - images[static_cast<std::int64_t>(j)]).abs().mean().item<double>();
}

}  // namespace

void check_pictures(const Pictures& pictures) {
  check<ShapeError>(!pictures.empty(), where, "pictures", "at least one", "none");
  check<ShapeError>(pictures.size() <= most_pictures, where, "pictures", text_of("at most ", most_pictures),
                    pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    check_picture(pictures[i], text_of("pictures[", i, "]"));
    for (std::size_t j = 0; j < i; ++j) {
      check(!same_picture(pictures[i], pictures[j]), where, text_of("pictures[", j, "], pictures[", i, "]"),
            "pictures of different places", "the same picture twice");
    }
  }
}

bool of_one_size(const Pictures& pictures) {
  return std::all_of(pictures.begin(), pictures.end(), [&](const at::Tensor& picture) {
    return picture.size(0) == pictures[0].size(0) && picture.size(1) == pictures[0].size(1);
  });
}

int common_side(const Pictures& pictures) {
  std::int64_t side = 0;
  for (const at::Tensor& picture : pictures) side = std::max(side, std::min(picture.size(0), picture.size(1)));
  return static_cast<int>(side);
}

void warn_of_pictures(const at::Tensor& images, const Pictures& pictures, SceneQuality& quality) {
  const auto warn = [&](Finding finding, double most) {
    quality.warnings.push_back(std::move(finding));
    quality.confidence = std::min(quality.confidence, most);
  };
  const at::Tensor small = at::adaptive_avg_pool2d(images, {32, 32});
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const double contrast = small[static_cast<std::int64_t>(i)].flatten(1).std(1).max().item<double>();
    if (contrast < 0.02) warn({"flat_picture", "the picture shows hardly anything", {i}}, 0.25);
    for (std::size_t j = 0; j < i; ++j) {
      if (difference(small, i, j) >= hardly_different || difference(images, i, j) >= hardly_different) continue;
      warn({"same_view", "two pictures that are nearly the same", {j, i}}, 0.0);
    }
  }
  if (of_one_size(pictures)) return;
  warn({"sizes", "the sizes differ: the rig is of the pictures' middle squares, all of the largest one's size", {}},
       1.0);
}

}  // namespace vggt

at::Tensor common_pictures(const std::vector<at::Tensor>& pictures) {
  vggt::check_pictures(pictures);
  const bool resized = !vggt::of_one_size(pictures);
  const int side = vggt::common_side(pictures);
  vggt::Pictures common;
  for (const at::Tensor& picture : pictures) {
    const at::Tensor colors = picture.narrow(2, 0, 3).contiguous();
    common.push_back(resized ? center_crop_resize(colors.unsqueeze(0).unsqueeze(0), side, side)[0][0] : colors);
  }
  return at::stack(common);
}

}  // namespace action_images
