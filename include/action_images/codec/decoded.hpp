// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>

namespace action_images {

/// How action images are read.
///   robust   sub-pixel peaks with covariances in all views, fused by weighted least squares with outlier rejection
///   paper    heat-weighted centroid in the first view, the point of its ray with the best response in the others
///   (Sec. 3.2) release  the same centroid, the point of its ray with the largest product of the responses of all views
/// The last two are baselines to compare with.
enum class DecodeMethod { robust, paper, release };

/// @throws ValueError unless the name is "robust", "paper" or "release".
inline DecodeMethod decode_method_from_name(std::string_view name) {
  check(name == "robust" || name == "paper" || name == "release", "codec::decode_method_from_name", "method",
        "\"robust\", \"paper\" or \"release\"", text_of('"', name.substr(0, 40), '"'));
  return name == "robust" ? DecodeMethod::robust : name == "paper" ? DecodeMethod::paper : DecodeMethod::release;
}

struct DecodeOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};  ///< of the drawn Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;       ///< distance of the normal and up points from the position [m]
  bool fill = true;               ///< interpolate undecodable frames from their neighbours
  std::optional<double> depth{};  ///< one view: of the position along the camera's axis, such as the last known [m]
  double min_confidence = 0.001;  ///< frames below are undecodable
  DecodeMethod method = DecodeMethod::robust;
  double near = 0.5;          ///< paper, release: where a ray's candidates begin, distance from the camera [m]
  double far = 1.0;           ///< paper, release: where they end [m]
  std::size_t samples = 512;  ///< paper, release: number of candidates of a ray, 2 .. 1e6
  /// One view: the plane on which the position lies, (a, b, c, d) with a x + b y + c z + d = 0 in world.
  std::optional<Eigen::Vector4d> plane{};
  double threshold = background_level;  ///< with which they were drawn: value of blue's background when open
  std::size_t threads = 0;              ///< 0: one per core. The result does not depend on it
};

/// What action images say, T frames of V views. An undecodable frame has confidence 0 and is not valid; its action is
/// interpolated (position and openness linearly, rotation spherically, held at the ends) or, without `fill`, NaN. If no
/// frame can be decoded, all actions are NaN. The baselines know neither covariances nor fitted blobs: NaN.
struct Decoded {
  Trajectory actions;                         ///< T
  xt::xtensor<double, 3> points;              ///< (T, 3, 3): position, normal, up, each x y z in world [m]
  xt::xtensor<double, 4> covariance;          ///< (T, 3, 3, 3) of each point, in world axes [mm^2]; NaN if not decoded
  xt::xtensor<double, 2> point_confidence;    ///< (T, 3), 0..1
  std::vector<double> confidence;             ///< T, 0..1: of the action; see `calibrated_confidence`
  xt::xtensor<double, 3> reprojection_error;  ///< (T, 3, V): from the seen to the projected point [px]; NaN if not seen
  xt::xtensor<double, 4> pixels;              ///< (T, 3, V, 2): where each view sees the point [px]; NaN if it does not
  xt::xtensor<double, 3> sigma;  ///< (T, 3, V): fitted standard deviation of the blob [px]; NaN if not seen
  xt::xtensor<bool, 3> used;     ///< (T, 3, V): the view took part in the point
  std::vector<bool> valid;       ///< T, decoded from its own frame

  Decoded() = default;

  /// Of undecoded frames.
  Decoded(std::size_t frames, std::size_t views)
      : actions(frames, Action{Eigen::Vector3d::Constant(nan), Eigen::Vector3d::Constant(nan), nan}),
        points({frames, 3, 3}, nan),
        covariance({frames, 3, 3, 3}, nan),
        point_confidence({frames, 3}, 0.0),
        confidence(frames),
        reprojection_error({frames, 3, views}, nan),
        pixels({frames, 3, views, 2}, nan),
        sigma({frames, 3, views}, nan),
        used({frames, 3, views}, false),
        valid(frames) {}

  /// The three points of a frame as columns [m].
  Eigen::Map<ActionPoints> points_at(std::size_t time) { return Eigen::Map<ActionPoints>(&points(time, 0, 0)); }

  std::size_t frames() const { return actions.size(); }
  std::size_t views() const { return used.shape(2); }

 private:
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace action_images
