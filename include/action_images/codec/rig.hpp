// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <action_images/codec/camera.hpp>
#include <action_images/codec/rotation.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// V >= 1 calibrated views of one scene whose pictures have one size. Cameras either stand still for a whole clip or
/// move: then there is one for every view and frame (wrist-mounted cameras, camera-controlled generation).
class Rig {
 public:
  static constexpr std::size_t max_frames = 1 << 20;  ///< of a moving rig

  /// Cameras that do not move, one for every view.
  /// @throws ValueError if there is none or the cameras' picture sizes differ.
  explicit Rig(std::vector<Camera> cameras) : views_(cameras.size()), cameras_(std::move(cameras)) { check_cameras(); }

  /// A rig that moves: T cameras of every view that moves, one of a view that does not.
  /// @throws ValueError if a view has none, two views move for different T, or the picture sizes differ.
  static Rig moving(const std::vector<std::vector<Camera>>& views) {
    std::size_t frames = 1;
    for (const auto& view : views) {
      check(!view.empty(), "codec::Rig", "cameras", "at least one for every view", "none");
      frames = std::max(frames, view.size());
    }
    std::vector<Camera> cameras;
    for (const auto& view : views) {
      const bool fits = view.size() == 1 || view.size() == frames;
      check(fits, "codec::Rig", "cameras", text_of("1 or ", frames, " for every view, as for another view"),
            view.size());
      for (std::size_t time = 0; time < frames; ++time) cameras.push_back(view[view.size() == 1 ? 0 : time]);
    }
    Rig rig(std::move(cameras));
    rig.views_ = views.size();
    rig.frames_ = frames;
    check(frames <= max_frames, "codec::Rig", "cameras", text_of("at most ", max_frames, " frames"), frames);
    return rig;
  }

  std::size_t size() const { return views_; }     ///< V
  std::size_t frames() const { return frames_; }  ///< T if a camera moves, else 1
  bool is_moving() const { return frames_ > 1; }
  int width() const { return cameras_.front().width(); }
  int height() const { return cameras_.front().height(); }

  /// Camera of a view at a frame; a rig that does not move has it at every frame.
  const Camera& camera(std::size_t view, std::size_t time) const {
    return cameras_[view * frames_ + (is_moving() ? time : 0)];
  }
  /// Camera of a view at the first frame.
  const Camera& operator[](std::size_t view) const { return cameras_[view * frames_]; }

  /// Names of the views; view_0, view_1, ... unless others were given.
  std::vector<std::string> names() const {
    std::vector<std::string> names = names_;
    for (std::size_t view = names.size(); view < views_; ++view) names.push_back(text_of("view_", view));
    return names;
  }

  /// The same cameras with names for the views.
  /// @throws ShapeError unless there is one for every view.
  Rig named(std::vector<std::string> names) const {
    check_shape(names.size() == views_, "codec::Rig::named", "names", text_of('(', views_, ",)"), {std::ssize(names)});
    Rig rig = *this;
    rig.names_ = std::move(names);
    return rig;
  }

  /// All cameras, those of the first view first: V, or V T if the rig moves.
  auto begin() const { return cameras_.begin(); }
  auto end() const { return cameras_.end(); }

  /// The rig of `count` frames from `first` on; one that does not move is returned as it is.
  /// @throws ValueError if there are not so many frames, or count is 0.
  Rig clip(std::size_t first, std::size_t count) const {
    if (!is_moving()) return *this;
    check(count > 0 && first < frames_ && count <= frames_ - first, "codec::Rig::clip", "first, count",
          text_of("frames within 0..", frames_), text_of(first, ", ", count));
    std::vector<std::vector<Camera>> views(views_);
    for (std::size_t view = 0; view < views_; ++view) {
      const auto begin = cameras_.begin() + static_cast<std::ptrdiff_t>(view * frames_ + first);
      views[view].assign(begin, begin + static_cast<std::ptrdiff_t>(count));
    }
    Rig rig = moving(views);
    rig.names_ = names_;
    return rig;
  }

  /// The same cameras in the frame of the first one: poses inv(E_0) E, so the first pose of the first view is the
  /// identity.
  Rig relative_to_first() const {
    const Eigen::Affine3d first_from_world = cameras_.front().camera_from_world();
    return transformed([&](const Camera& camera) {
      Eigen::Affine3d pose = first_from_world * camera.world_from_camera();
      pose.linear() = detail::nearest_rotation(pose.linear());  // float32 poses: two small errors would add up
      return camera.moved_to(pose.matrix());
    });
  }

  /// Every camera after `Camera::center_crop_resize`.
  Rig center_crop_resize(int height, int width) const {
    return transformed([&](const Camera& camera) { return camera.center_crop_resize(height, width); });
  }

  /// Every camera after `Camera::mirrored`.
  Rig mirrored() const {
    return transformed([](const Camera& camera) { return camera.mirrored(); });
  }

  /// Every camera after `function`, camera -> camera.
  /// @throws ValueError if the picture sizes then differ.
  template <typename Function>
  Rig transformed(const Function& function) const {
    Rig rig = *this;
    for (Camera& camera : rig.cameras_) camera = function(camera);
    rig.check_cameras();
    return rig;
  }

 private:
  void check_cameras() const {
    check(!cameras_.empty(), "codec::Rig", "cameras", "at least one", "none");
    for (const Camera& camera : cameras_) {
      check(camera.width() == width() && camera.height() == height(), "codec::Rig", "cameras",
            text_of("equal sizes ", width(), " x ", height()), text_of(camera.width(), " x ", camera.height()));
    }
  }

  std::size_t views_ = 0;
  std::size_t frames_ = 1;
  std::vector<Camera> cameras_;     // (V, frames)
  std::vector<std::string> names_;  // of the views, or empty
};

/// Throws ValueError unless the rig has cameras for a clip of this many frames.
inline void check_frames(const Rig& rig, std::size_t frames, std::string_view where) {
  check(!rig.is_moving() || rig.frames() == frames, where, "rig",
        text_of("cameras that stand still, or those of ", frames, " frames"), text_of("cameras of ", rig.frames()));
}

}  // namespace action_images
