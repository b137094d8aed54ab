// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/pictures.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <action_images/codec/camera.hpp>
#include <action_images/core/check.hpp>

namespace action_images {
namespace {

constexpr std::string_view where = "world::fitted_pictures";

void check_views(const std::vector<VideoFrames>& views, const Rig& rig) {
  check<ShapeError>(views.size() == rig.size(), where, "images", text_of(rig.size(), ", one for each camera of the rig"),
                    views.size());
  for (std::size_t view = 0; view < views.size(); ++view) {
    const VideoFrames& frames = views[view];
    check_shape(frames.height == rig.height() && frames.width == rig.width(), where, text_of("images[", view, "]"),
                text_of("height and width ", rig.height(), ", ", rig.width(), " as the rig says"),
                {frames.height, frames.width});
    check_shape(frames.frames == views[0].frames && frames.frames >= 1, where, text_of("images[", view, "]"),
                text_of(views[0].frames, " frames as the first view"), {frames.frames});
  }
}

// Rows of weights that resample one axis: a triangle filter around each target pixel's centre, wider than a pixel when
// the picture shrinks. The source interval [begin, begin + extent] becomes `target` pixels. Returns [target, source].
at::Tensor resampling_weights(int source, double begin, int extent, int target) {
  const double scale = static_cast<double>(extent) / target;
  const double support = std::max(scale, 1.0);
  at::Tensor weights = at::zeros({target, source}, at::kFloat);
  auto values = weights.accessor<float, 2>();
  for (int i = 0; i < target; ++i) {
    const double center = begin + (i + 0.5) * scale;
    double sum = 0.0;
    for (int j = 0; j < source; ++j) {
      const double weight = std::max(0.0, 1.0 - std::abs(j + 0.5 - center) / support);
      values[i][j] = static_cast<float>(weight);
      sum += weight;
    }
    weights[i] /= sum;
  }
  return weights;
}

}  // namespace

at::Tensor fitted_pictures(const std::vector<VideoFrames>& views, const Rig& rig, int height, int width) {
  check_views(views, rig);
  std::vector<at::Tensor> tensors;
  for (const VideoFrames& frames : views) {
    tensors.push_back(at::from_blob(const_cast<std::uint8_t*>(frames.rgb.data()),
                                    {frames.frames, frames.height, frames.width, 3}, at::kByte));
  }
  const at::Tensor pictures = at::stack(tensors);
  if (rig.height() == height && rig.width() == width) return pictures;
  const CropBox box = center_crop(rig.height(), rig.width(), height, width);
  const at::Tensor rows = resampling_weights(rig.height(), box.y, box.height, height);
  const at::Tensor columns = resampling_weights(rig.width(), box.x, box.width, width);
  // [V, T, H, W, 3] -> channels first, so that each axis is one matrix product.
  const at::Tensor channels_first = pictures.permute({0, 1, 4, 2, 3}).to(at::kFloat);
  const at::Tensor resized = at::matmul(rows, at::matmul(channels_first, columns.t()));
  return resized.round().clamp(0, 255).to(at::kByte).permute({0, 1, 3, 4, 2}).contiguous();
}

}  // namespace action_images
