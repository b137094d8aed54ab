// SPDX-License-Identifier: Apache-2.0
#include <action_images/world/pictures.hpp>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/tensor/crop_resize.hpp>

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

}  // namespace

at::Tensor fitted_pictures(const std::vector<VideoFrames>& views, const Rig& rig, int height, int width) {
  check_views(views, rig);
  std::vector<at::Tensor> tensors;
  for (const VideoFrames& frames : views) {
    tensors.push_back(at::from_blob(const_cast<std::uint8_t*>(frames.rgb.data()),
                                    {frames.frames, frames.height, frames.width, 3}, at::kByte));
  }
  return center_crop_resize(at::stack(tensors), height, width);
}

}  // namespace action_images
