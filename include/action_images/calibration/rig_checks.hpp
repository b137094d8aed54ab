// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <action_images/codec/mixup.hpp>
#include <action_images/codec/rig.hpp>
#include <action_images/calibration/rig_report.hpp>

namespace action_images {

/// Something that is probably wrong.
struct Finding {
  std::string name;                ///< such as "opengl_axes"; see docs/doctor.md
  std::string text;                ///< one sentence
  std::vector<std::size_t> views;  ///< the views concerned
};

namespace detail {

/// "view 1", "views 0 and 2", "all views".
inline std::string views_text(const std::vector<std::size_t>& views, std::size_t all) {
  if (views.size() == all && all > 1) return "all views";
  std::string text = views.size() > 1 ? "views " : "view ";
  for (std::size_t i = 0; i < views.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == views.size() ? " and " : ", ") + std::to_string(views[i]);
  }
  return text;
}

/// Collects the views that share a finding.
class Findings {
 public:
  explicit Findings(std::size_t views) : views_(views) {}

  /// `text` follows the views and a colon.
  void add(std::string_view name, std::string_view text, std::size_t view) {
    for (Finding& finding : found_) {
      if (finding.name == name && finding.text == text) return finding.views.push_back(view);
    }
    found_.push_back({std::string(name), std::string(text), {view}});
  }

  bool empty() const { return found_.empty(); }

  std::vector<Finding> take() {
    for (Finding& finding : found_) finding.text = views_text(finding.views, views_) + ": " + finding.text;
    return std::move(found_);
  }

 private:
  std::size_t views_;
  std::vector<Finding> found_;
};

inline void check_principal_point(const Camera& camera, std::size_t view, Findings& findings) {
  const Eigen::Vector2d point = camera.intrinsics().block<2, 1>(0, 2);
  const Eigen::Vector2d size(camera.width(), camera.height());
  if ((point.array() / size.array() - 0.5).abs().maxCoeff() <= 0.1) return;
  const std::string where =
      text_of("the principal point is not that of ", camera.width(), " x ", camera.height(), " pictures");
  const auto fits = [](double a, double b) { return std::abs(a / b - 1.0) < 0.08; };
  if (fits(2.0 * point.x(), size.y()) && fits(2.0 * point.y(), size.x())) {
    return findings.add("size", where + ": width and height are exchanged", view);
  }
  const auto meant = fitting_size(camera);
  if (!meant) return findings.add("principal_point", where + ": it is far from their middle", view);
  findings.add("resolution",
               text_of(where, " but of ", meant->first, " x ", meant->second,
                       ": the intrinsics are of another size (center_crop_resize)"),
               view);
}

inline void check_focal_lengths(const Camera& camera, std::size_t view, Findings& findings) {
  const double fx = camera.intrinsics()(0, 0), fy = camera.intrinsics()(1, 1);
  if (fx * fy < 0.0) {
    findings.add("mixed_signs", "fx and fy have different signs: mirrored pictures, or a left-handed camera", view);
  }
  const double ratio = std::abs(fx / fy);
  if (!(ratio > 0.95 && ratio < 1.0 / 0.95)) {
    findings.add("focal_ratio", "fx and fy differ by more than 5 %: pixels are not square, or pictures were stretched",
                 view);
  }
  const ViewReport report = report_view(camera, {});
  const double widest = std::max(report.fov_x, report.fov_y);
  if (camera.distortion().is_none() && !(widest > 5.0 && widest < 150.0)) {
    findings.add("field_of_view", "the field of view is not within 5..150 degrees: are the focal lengths in pixels?",
                 view);
  }
}

/// Warns of a focal length that is far from the others', of lenses of one kind. `cameras` at their pictures' size.
inline void check_focal_agreement(const std::vector<Camera>& cameras, Findings& findings) {
  constexpr double most = 1.5;
  const auto focal = [](const Camera& camera) {
    return std::sqrt(std::abs(camera.intrinsics()(0, 0) * camera.intrinsics()(1, 1)));
  };
  for (std::size_t view = 1; view < cameras.size(); ++view) {
    if (cameras[view].distortion().model() != cameras[0].distortion().model()) continue;
    const double ratio = focal(cameras[view]) / focal(cameras[0]);
    if (ratio < most && ratio > 1.0 / most) continue;
    findings.add("focal_mismatch",
                 text_of("the focal length is ", std::round(100.0 * ratio) / 100.0,
                         " times that of view 0: well for another lens, but pictures of one camera have one"),
                 view);
  }
}

/// How far the lines of sight are from meeting in the pictures of all views.
struct Convergence {
  bool seen_by_all = false;
  double worst_angle = 180.0;  ///< between a line of sight and the direction of the common point [deg]
};

inline std::optional<Convergence> convergence_of(const std::vector<Camera>& cameras) {
  const auto common = common_point(cameras);
  if (!common) return std::nullopt;
  Convergence convergence{true, 0.0};
  for (const Camera& camera : cameras) {
    const double angle = angle_between(line_of_sight(camera).direction, *common - camera.center());
    convergence.worst_angle = std::max(convergence.worst_angle, angle);
    convergence.seen_by_all = convergence.seen_by_all && is_in_picture(camera, *common);
  }
  return convergence;
}

/// The views whose pictures have nothing in common with those of any other.
inline std::vector<std::size_t> lonely_views(const std::vector<Camera>& cameras) {
  std::vector<std::size_t> lonely;
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    bool shares = cameras.size() == 1;
    for (std::size_t j = 0; j < cameras.size() && !shares; ++j) {
      shares = i != j && (share_space(cameras[i], cameras[j]) || share_space(cameras[j], cameras[i]));
    }
    if (!shares) lonely.push_back(i);
  }
  return lonely;
}

/// A mix-up of poses, of all views or (from three views on) of one, and how well the lines of sight meet after it.
struct PoseGuess {
  Mixup mixup;
  std::vector<std::size_t> views;
  double worst_angle;  ///< [deg]
};

/// The mix-ups after which the lines of sight meet in all pictures within `good_angle`, likely ones first; those of one
/// view only if none of all views is good.
inline std::vector<PoseGuess> guess_poses(const std::vector<Camera>& cameras, double good_angle) {
  std::vector<std::vector<std::size_t>> groups(1);
  for (std::size_t view = 0; view < cameras.size(); ++view) groups[0].push_back(view);
  for (std::size_t view = 0; view < cameras.size() && cameras.size() > 2; ++view) groups.push_back({view});
  std::vector<PoseGuess> guesses;
  for (const auto& views : groups) {
    if (!guesses.empty() && guesses.front().views.size() == cameras.size()) break;
    for (const Mixup mixup : {Mixup::opengl_axes, Mixup::inverted_extrinsics, Mixup::ros_axes}) {
      std::vector<Camera> changed = cameras;
      for (const std::size_t view : views) changed[view] = *corrected(cameras[view], mixup);
      const auto convergence = convergence_of(changed);
      if (!convergence || !convergence->seen_by_all || convergence->worst_angle > good_angle) continue;
      guesses.push_back({mixup, views, convergence->worst_angle});
    }
  }
  // A mix-up that is tried later is rarer; it has to be clearly better.
  const auto less = [](const PoseGuess& a, const PoseGuess& b) { return a.worst_angle < b.worst_angle; };
  const auto best = std::min_element(guesses.begin(), guesses.end(), less);
  const auto likely = std::find_if(guesses.begin(), guesses.end(), [&](const PoseGuess& guess) {
    return guess.worst_angle <= 2.0 * best->worst_angle + 2.0;
  });
  if (likely != guesses.end()) std::rotate(guesses.begin(), likely, likely + 1);
  return guesses;
}

inline void check_poses(const std::vector<Camera>& given, Findings& findings) {
  std::vector<Camera> cameras;  // wrong intrinsics are another matter
  for (const Camera& camera : given) cameras.push_back(at_fitting_size(camera).value_or(camera));
  constexpr double converging = 20.0, good = 8.0, nearly_parallel = 12.0;  // [deg]
  const auto convergence = convergence_of(cameras);
  const bool meet = convergence && convergence->seen_by_all && convergence->worst_angle < converging;
  const auto lonely = lonely_views(cameras);
  if (meet || (lonely.empty() && widest_angle(cameras) < nearly_parallel)) return;
  if (const auto guesses = guess_poses(cameras, good); !guesses.empty()) {
    std::string text(advice_for(guesses[0].mixup));
    if (guesses.size() > 1) {
      text += text_of(" (or ", name_of(guesses[1].mixup), ": images would tell)");
    }
    for (const std::size_t view : guesses[0].views) findings.add(name_of(guesses[0].mixup), text, view);
    return;
  }
  for (const std::size_t view : lonely) {
    findings.add("no_common_view", "no other view shows anything that its pictures show: the pose is wrong", view);
  }
}

/// Warns of cameras that are closer to what they look at, or further away, than those of robots.
inline void check_unit(const std::vector<Camera>& cameras, Findings& findings) {
  constexpr double near = 0.05, far = 15.0, too_far = 60.0;  // [m]; for the last see `check_distances`
  constexpr double converging = 8.0;                         // [deg]; nearly parallel lines meet far away
  const auto convergence = convergence_of(cameras);
  if (!findings.empty() || !convergence || !convergence->seen_by_all) return;
  const Eigen::Vector3d common = *common_point(cameras);
  double farthest = 0.0;
  for (const Camera& camera : cameras) farthest = std::max(farthest, (common - camera.center()).norm());
  const bool is_far = farthest > far && farthest < too_far && widest_angle(cameras) > converging;
  if (!is_far && farthest > near) return;
  for (std::size_t view = 0; view < cameras.size(); ++view) {
    findings.add("scale",
                 text_of("the cameras are at most ", farthest,
                         " from what they look at, which is hardly in metres: cameras that were estimated from "
                         "pictures have an arbitrary unit (action-images rescale)"),
                 view);
  }
}

inline void check_distances(const std::vector<Camera>& cameras, Findings& findings) {
  constexpr double too_far = 60.0;  // [m]
  const auto common = common_point(cameras);
  for (std::size_t view = 0; view < cameras.size(); ++view) {
    double farthest = common ? (*common - cameras[view].center()).norm() : 0.0;
    for (const Camera& other : cameras) farthest = std::max(farthest, (cameras[view].center() - other.center()).norm());
    if (farthest > too_far && farthest < 1e6) findings.add("millimetres", advice_for(Mixup::millimetres), view);
    for (std::size_t other = 0; other < view; ++other) {
      if ((cameras[view].center() - cameras[other].center()).norm() > 1e-3) continue;
      findings.add("same_place", text_of("it is where view ", other, " is: together they tell no depth"), view);
    }
  }
}

}  // namespace detail

/// What is probably wrong with the cameras alone, at the first frame of a rig that moves. Parallel views, several
/// metres of distance, mirrored focal lengths of both axes are all well.
inline std::vector<Finding> check_rig(const Rig& rig) {
  const std::vector<Camera> cameras = detail::first_cameras(rig);
  detail::Findings findings(cameras.size());
  for (std::size_t view = 0; view < cameras.size(); ++view) {
    detail::check_principal_point(cameras[view], view, findings);
    detail::check_focal_lengths(cameras[view], view, findings);
  }
  std::vector<Camera> at_size;
  for (const Camera& camera : cameras) at_size.push_back(detail::at_fitting_size(camera).value_or(camera));
  detail::check_focal_agreement(at_size, findings);
  detail::check_poses(cameras, findings);
  detail::check_distances(cameras, findings);
  detail::check_unit(cameras, findings);
  return findings.take();
}

}  // namespace action_images
