// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <Eigen/Core>
#include <Eigen/Geometry>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/canvas.hpp>
#include <action_images/codec/colour.hpp>
#include <action_images/codec/rig.hpp>

namespace action_images {

struct DrawOptions {
  std::optional<std::size_t> time{};  ///< the moment that a single picture shows; the last one if not given
  std::optional<double> width{};      ///< of the path [px]; 1 % of the shorter side, at least 1.5, if not given
  double future = 0.35;               ///< opacity of the path after the moment shown, 0..1
  double axes_length = 0.06;          ///< of the axes of the pose shown [m]; 0: none
  bool gripper = true;                ///< mark the openness: a ring when open, a full disc when closed
};

/// A line in the world [m] with the colours of its ends.
struct ColouredSegment {
  Eigen::Vector3d from, to;
  Colour from_colour, to_colour;
};

/// The red, green and blue of the axes x, y and z.
inline const std::array<Colour, 3>& axis_colours() {
  static const std::array<Colour, 3> colours{Colour(232, 54, 48), Colour(38, 176, 70), Colour(44, 112, 246)};
  return colours;
}

namespace detail {

/// Draws a line of the world as a camera sees it: curved by its lens, cut off where the camera sees nothing.
class SegmentTracer {
 public:
  SegmentTracer(Canvas& canvas, const Camera& camera, double radius)
      : canvas_(canvas), camera_(camera), radius_(radius) {}

  void trace(const ColouredSegment& segment) const {
    if (!segment.from.allFinite() || !segment.to.allFinite()) return;
    trace(segment, {0.0, camera_.project(segment.from)}, {1.0, camera_.project(segment.to)}, 0);
  }

 private:
  struct End {
    double share;  ///< of the way along the segment
    std::optional<Eigen::Vector2d> pixel;
  };

  /// Halves the segment until its picture is straight to a quarter of a pixel; at the edge of what the camera sees,
  /// until the rest is too short to matter.
  void trace(const ColouredSegment& segment, const End& begin, const End& end, int depth) const {
    constexpr int least_depth = 3, largest_depth = 14;
    const bool both = begin.pixel && end.pixel;
    const bool neither = !begin.pixel && !end.pixel;
    if (neither && depth >= least_depth) return;
    const double middle = 0.5 * (begin.share + end.share);
    const End half{middle, camera_.project(segment.from + middle * (segment.to - segment.from))};
    const bool straight =
        both && half.pixel && (is_pinhole() || (depth >= least_depth && bend(begin, half, end) < 0.25));
    if (straight || (both && depth == largest_depth)) {
      draw(segment, begin, end);
    } else if (depth < largest_depth) {
      trace(segment, begin, half, depth + 1);
      trace(segment, half, end, depth + 1);
    }
  }

  bool is_pinhole() const { return camera_.distortion().is_none(); }

  /// Distance of the middle from the line through the ends [px].
  static double bend(const End& begin, const End& half, const End& end) {
    const Eigen::Vector2d along = *end.pixel - *begin.pixel;
    const Eigen::Vector2d offset = *half.pixel - *begin.pixel;
    const double length = along.norm();
    if (length < 0.25) return offset.norm();
    return std::abs(along.x() * offset.y() - along.y() * offset.x()) / length;
  }

  void draw(const ColouredSegment& segment, const End& begin, const End& end) const {
    const auto colour = [&](double share) -> Colour {
      return segment.from_colour + static_cast<float>(share) * (segment.to_colour - segment.from_colour);
    };
    canvas_.line({*begin.pixel, *end.pixel, radius_, colour(begin.share), colour(end.share)});
  }

  Canvas& canvas_;
  const Camera& camera_;
  double radius_;
};

inline const Colour& light() {
  static const Colour colour(255, 255, 255);
  return colour;
}
inline const Colour& dark() {
  static const Colour colour(18, 20, 28);
  return colour;
}
inline constexpr double casing_opacity = 0.8;

/// One picture of one camera, drawn on layer by layer.
struct Drawing {
  Canvas& canvas;
  const Camera& camera;
  std::uint8_t* picture;  ///< (H, W, 3)
  double width;           ///< of the path [px]

  double casing() const { return std::max(0.75, 0.35 * width); }  ///< margin of a contrasting colour [px]

  /// The path from one action to a later one, with a light margin if `cased`.
  void path(const Trajectory& actions, std::pair<std::size_t, std::size_t> range, bool cased, double opacity) const {
    if (opacity <= 0.0) return;
    if (cased) {
      trace_path(actions, range, 0.5 * width + casing(), true);
      canvas.blend_onto(picture, casing_opacity * opacity);
    }
    trace_path(actions, range, 0.5 * width, false);
    canvas.blend_onto(picture, opacity);
  }

  /// x red, y green, z blue; the one that points away from the camera first.
  void axes(const Eigen::Matrix3d& rotation, const Eigen::Vector3d& origin, double length) const {
    std::array<Eigen::Index, 3> order{0, 1, 2};
    const auto depth = [&](Eigen::Index axis) {
      return (camera.camera_from_world().linear() * rotation.col(axis)).z();
    };
    std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return depth(i) > depth(j); });
    const double radius = 0.55 * width;
    for (const Eigen::Index axis : order) {
      const Colour& colour = axis_colours()[static_cast<std::size_t>(axis)];
      const Eigen::Vector3d tip = origin + length * rotation.col(axis);
      SegmentTracer(canvas, camera, radius + casing()).trace({origin, tip, light(), light()});
      canvas.blend_onto(picture, casing_opacity);
      SegmentTracer(canvas, camera, radius).trace({origin, tip, colour, colour});
      canvas.blend_onto(picture);
    }
  }

  /// How far the gripper is open: a ring when open; a disc fills it as it closes.
  void gripper(const Action& action, const Colour& colour, double radius) const {
    const auto center = action.position.allFinite() ? camera.project(action.position) : std::nullopt;
    if (!center) return;
    const double line = std::max(0.6, 0.3 * width);
    canvas.ring(*center, radius, line + casing(), light());
    if (is_partly_closed(action)) canvas.disc(*center, radius, light());
    canvas.blend_onto(picture, casing_opacity);
    canvas.ring(*center, radius, line, dark());
    canvas.blend_onto(picture);
    if (is_partly_closed(action)) canvas.disc(*center, (radius - line) * std::sqrt(1.0 - action.openness), colour);
    canvas.blend_onto(picture);
  }

 private:
  static bool is_partly_closed(const Action& action) { return action.openness < 0.98; }

  void trace_path(const Trajectory& actions, std::pair<std::size_t, std::size_t> range, double radius,
                  bool plain) const {
    const SegmentTracer tracer(canvas, camera, radius);
    const double last = std::max(1.0, static_cast<double>(actions.size()) - 1.0);
    const auto colour = [&](std::size_t t) -> Colour {
      return plain ? light() : time_colour(static_cast<double>(t) / last);
    };
    for (std::size_t t = range.first; t < range.second; ++t) {
      tracer.trace({actions[t].position, actions[t + 1].position, colour(t), colour(t + 1)});
    }
  }
};

/// Whether the gripper opens or closes at a frame.
inline bool switches_at(const Trajectory& actions, std::size_t t) {
  if (t == 0) return false;
  const double before = actions[t - 1].openness, after = actions[t].openness;
  return (before > 0.5 && after <= 0.5) || (before <= 0.5 && after > 0.5);
}

inline void draw_moment(const Drawing& drawing, const Trajectory& actions, std::size_t time,
                        const DrawOptions& options) {
  const std::size_t last = actions.size() - 1;
  const auto colour = [&](std::size_t t) {
    return time_colour(static_cast<double>(t) / std::max(1.0, static_cast<double>(last)));
  };
  drawing.path(actions, {time, last}, false, options.future);
  drawing.path(actions, {0, time}, true, 1.0);
  for (std::size_t t = 0; options.gripper && t < time; ++t) {
    if (!switches_at(actions, t)) continue;
    const Action switched{actions[t].position, actions[t].euler, actions[t].openness > 0.5 ? 1.0 : 0.0};
    drawing.gripper(switched, colour(t), 1.2 * drawing.width);
  }
  const Action& now = actions[time];
  if (options.axes_length > 0.0 && now.position.allFinite() && now.euler.allFinite()) {
    drawing.axes(rotation_from_euler(now.euler), now.position, options.axes_length);
  }
  if (options.gripper) drawing.gripper(now, colour(time), 2.0 * drawing.width);
}

inline void check_draw(const ImagesView<std::uint8_t>& images, const Trajectory& actions, const Rig& rig,
                       const DrawOptions& options) {
  constexpr auto where = "codec::draw_trajectory";
  const std::size_t frames = images.frames == 1 ? 1 : actions.size();
  const ImagesView<std::uint8_t> expected{nullptr, rig.size(), frames, static_cast<std::size_t>(rig.height()),
                                          static_cast<std::size_t>(rig.width())};
  check_shape(images.shape() == expected.shape(), where, "images", shape_text(expected.shape()), images.shape());
  check(!actions.empty(), where, "actions", "at least one", "none");
  check_frames(rig, actions.size(), where);
  check(!options.time || (images.frames == 1 && *options.time < actions.size()), where, "time",
        text_of("a frame within 0..", actions.size() - 1, " for a single picture"), options.time.value_or(0));
  const double width = options.width.value_or(1.0);
  check(width > 0.0 && width <= 1024.0, where, "width", "a positive number of pixels up to 1024", width);
  check(options.future >= 0.0 && options.future <= 1.0, where, "future", "a number in [0, 1]", options.future);
  check(options.axes_length >= 0.0 && std::isfinite(options.axes_length), where, "axes_length",
        "a length in metres, or 0 for none", options.axes_length);
}

/// Width of lines that suits a picture [px].
inline double width_of(const std::optional<double>& width, int height, int picture_width) {
  return width.value_or(std::max(1.5, 0.01 * std::min(height, picture_width)));
}

}  // namespace detail

/// Draws a trajectory over pictures: the path in the colours of time (what is still to come is pale), the axes of the
/// current pose (x red, y green, z blue), how far the gripper is open, and where on the path it opened or closed.
/// What a camera does not see is left out; so are actions that are not finite.
/// @param images   (V, T, H, W, 3) of the rig, each frame at its moment, or (V, 1, H, W, 3); drawn on in place.
/// @param actions  T >= 1 actions.   @param rig  V views; one that moves has T frames.
/// @throws ShapeError if the images are not the rig's and the actions'; ValueError if an option is out of range.
inline void draw_trajectory(const ImagesView<std::uint8_t>& images, const Trajectory& actions, const Rig& rig,
                            const DrawOptions& options = {}) {
  detail::check_draw(images, actions, rig, options);
  const double width = detail::width_of(options.width, rig.height(), rig.width());
  Canvas canvas(images.height, images.width);
  for (std::size_t view = 0; view < images.views; ++view) {
    for (std::size_t frame = 0; frame < images.frames; ++frame) {
      const std::size_t time = images.frames == 1 ? options.time.value_or(actions.size() - 1) : frame;
      const detail::Drawing drawing{canvas, rig.camera(view, time), images.frame(view, frame), width};
      detail::draw_moment(drawing, actions, time, options);
    }
  }
}

/// Draws the axes of a frame (x red, y green, z blue) on one picture (H, W, 3) of a camera, in place.
/// @param world_from_frame  pose of the frame [m].   @param length  of the axes [m].
/// @throws ShapeError if the picture has another size than the camera's.
inline void draw_axes(const ImagesView<std::uint8_t>& picture, const Eigen::Affine3d& world_from_frame,
                      const Camera& camera, double length = 0.1, std::optional<double> width = {}) {
  const ImagesView<std::uint8_t> expected{nullptr, 1, 1, static_cast<std::size_t>(camera.height()),
                                          static_cast<std::size_t>(camera.width())};
  check_shape(picture.shape() == expected.shape(), "codec::draw_axes", "picture", shape_text(expected.shape()),
              picture.shape());
  check(world_from_frame.matrix().allFinite(), "codec::draw_axes", "world_from_frame", "finite numbers",
        "NaN or infinity");
  check(length > 0.0 && std::isfinite(length), "codec::draw_axes", "length", "a positive length in metres", length);
  check(width.value_or(1.0) > 0.0 && width.value_or(1.0) <= 1024.0, "codec::draw_axes", "width",
        "a positive number of pixels up to 1024", width.value_or(1.0));
  Canvas canvas(picture.height, picture.width);
  const double thickness = detail::width_of(width, camera.height(), camera.width());
  detail::Drawing{canvas, camera, picture.data, thickness}.axes(world_from_frame.linear(),
                                                                world_from_frame.translation(), length);
}

}  // namespace action_images
