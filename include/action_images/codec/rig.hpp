// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <action_images/codec/camera.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// V >= 1 calibrated views of one scene whose pictures have one size.
class Rig {
 public:
  /// @throws ValueError if there is no camera or the cameras' picture sizes differ.
  explicit Rig(std::vector<Camera> cameras) : cameras_(std::move(cameras)) {
    check(!cameras_.empty(), "codec::Rig", "cameras", "at least one", "none");
    for (const Camera& camera : cameras_) {
      check(camera.width() == width() && camera.height() == height(), "codec::Rig", "cameras",
            text_of("equal sizes ", width(), " x ", height()), text_of(camera.width(), " x ", camera.height()));
    }
  }

  std::size_t size() const { return cameras_.size(); }
  int width() const { return cameras_.front().width(); }
  int height() const { return cameras_.front().height(); }
  const Camera& operator[](std::size_t view) const { return cameras_[view]; }
  auto begin() const { return cameras_.begin(); }
  auto end() const { return cameras_.end(); }

  /// The same cameras in the frame of the first one: poses inv(E_0) E_v, so the first pose is the identity.
  Rig relative_to_first() const {
    const Eigen::Affine3d first_from_world = cameras_.front().camera_from_world();
    return transformed([&](const Camera& camera) {
      return camera.moved_to((first_from_world * camera.world_from_camera()).matrix());
    });
  }

  /// Every camera after `Camera::center_crop_resize`.
  Rig center_crop_resize(int height, int width) const {
    return transformed([&](const Camera& camera) { return camera.center_crop_resize(height, width); });
  }

 private:
  template <typename Function>
  Rig transformed(const Function& function) const {
    std::vector<Camera> cameras;
    for (const Camera& camera : cameras_) cameras.push_back(function(camera));
    return Rig(std::move(cameras));
  }

  std::vector<Camera> cameras_;
};

}  // namespace action_images
