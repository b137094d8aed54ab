// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <action_images/codec/action.hpp>
#include <action_images/codec/array.hpp>
#include <action_images/codec/convention.hpp>
#include <action_images/calibration/explanation.hpp>
#include <action_images/calibration/observation.hpp>
#include <action_images/calibration/rig_checks.hpp>
#include <action_images/calibration/rig_report.hpp>
#include <action_images/calibration/scale_checks.hpp>

namespace action_images {

struct DoctorOptions {
  Convention convention = Convention::paper;
  std::optional<double> sigma{};                  ///< of the drawn Gaussians [px]; 0.05 * min(H, W) if not given
  double axis_length = 0.1;                       ///< distance of the normal and up points from the position [m]
  std::vector<double> distances{0.5, 0.75, 1.0};  ///< at which to foretell the precision [m]
  std::size_t most_frames = 48;                   ///< of the images that are looked at, evenly spaced
};

/// Reprojection error of one of the three points in one view.
struct PointError {
  std::size_t view;
  std::string point;  ///< "position", "normal" or "up"
  ReprojectionError error;
};

/// How well the pictures fit if something was mixed up.
struct Fit {
  std::string name;  ///< "as_given", or what was changed: "opengl_axes", "convention + opengl_axes (view 1)", ...
  double error;      ///< the views' largest median of the reprojection errors [px]
};

/// The triangulated points beside what was drawn: medians over the frames; NaN if no frame could be triangulated.
struct ShapeReport {
  double normal_length = std::numeric_limits<double>::quiet_NaN();  ///< axis_length if all is well [m]
  double up_length = std::numeric_limits<double>::quiet_NaN();      ///< the same [m]
  double angle = std::numeric_limits<double>::quiet_NaN();          ///< between the two; 90 if all is well [deg]
};

/// What a rig, and pictures taken with it, look like.
struct Diagnosis {
  std::vector<ViewReport> views;
  std::vector<PairReport> pairs;
  std::vector<Precision> precision;  ///< of all views together, at the distances asked for
  std::vector<PointError> errors;    ///< of what was given; without images empty
  std::optional<ShapeReport> shape;  ///< with images of at least two views
  std::vector<Fit> fits;             ///< as given, and what else was tried, best first; without images empty
  std::vector<Finding> warnings;     ///< what is probably wrong; empty if all is well
  std::vector<Finding> notes;        ///< what is unusual, but may well be meant
};

namespace detail {

inline constexpr std::array<std::string_view, 3> point_names{"position", "normal", "up"};

/// "convention + opengl_axes (view 1)".
inline std::string name_of(const Explanation& as) {
  std::string name = as.reading.name == "as_given" ? "" : std::string(as.reading.name);
  const auto append = [&](const std::string& part) { name += (name.empty() ? "" : " + ") + part; };
  for (const Mixup mixup : all_mixups) {
    std::vector<std::size_t> views;
    for (std::size_t view = 0; view < as.mixups.size(); ++view) {
      if (as.mixups[view] == mixup) views.push_back(view);
    }
    const bool all = views.size() == as.mixups.size();
    if (!views.empty()) {
      append(std::string(name_of(mixup)) + (all ? "" : " (" + views_text(views, as.mixups.size()) + ")"));
    }
  }
  if (!std::is_sorted(as.order.begin(), as.order.end())) append("view_order");
  return name.empty() ? "as_given" : name;
}

inline std::string order_text(const std::vector<std::size_t>& order) {
  std::string text;
  for (const std::size_t camera : order) text += (text.empty() ? "" : ", ") + std::to_string(camera);
  return text;
}

inline std::vector<Finding> findings_from(const Explanation& as, Convention convention) {
  const std::string_view mine = convention == Convention::paper ? "paper" : "release";
  const std::string_view theirs = convention == Convention::paper ? "release" : "paper";
  std::vector<std::size_t> all(as.mixups.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Finding> findings;
  if (as.reading.name == "convention") {
    findings.push_back({"convention", text_of("the images follow \"", theirs, "\", not \"", mine, "\""), all});
  } else if (as.reading.name == "channels") {
    findings.push_back(
        {"channels",
         text_of("green and blue are exchanged, as in \"", theirs, "\", but the pixel grid is that of \"", mine,
                 "\": red and blue swapped on the way (BGR), or a mixture of both"),
         all});
  } else if (as.reading.name == "half_pixel") {
    findings.push_back({"half_pixel",
                        text_of("the images are shifted by half a pixel, as in \"", theirs,
                                "\", but their channels are those of \"", mine, "\""),
                        all});
  }
  if (!std::is_sorted(as.order.begin(), as.order.end())) {
    findings.push_back({"view_order",
                        "the views are in another order: their pictures are of the cameras " + order_text(as.order),
                        all});
  }
  Findings mixed(as.mixups.size());
  for (std::size_t view = 0; view < as.mixups.size(); ++view) {
    if (as.mixups[view] != Mixup::none) mixed.add(name_of(as.mixups[view]), advice_for(as.mixups[view]), view);
  }
  for (Finding& finding : mixed.take()) findings.push_back(std::move(finding));
  return findings;
}

/// Medians of the lengths of the two axes and of the angle between them, triangulated.
inline ShapeReport shape_of(const Evidence& evidence, const Explanation& as) {
  std::array<std::vector<double>, 3> values;
  std::vector<Camera> cameras;
  for (std::size_t index = 0; index < evidence.frames(); ++index) {
    const auto points = intersect_points(evidence.sightings(as, index, cameras));
    if (!points) continue;
    const Eigen::Vector3d normal = points->col(normal_point) - points->col(position_point);
    const Eigen::Vector3d up = points->col(up_point) - points->col(position_point);
    values[0].push_back(normal.norm());
    values[1].push_back(up.norm());
    values[2].push_back(angle_between(normal, up));
  }
  const auto median = [](const std::vector<double>& all) { return ReprojectionError::of(all).median; };
  return {median(values[0]), median(values[1]), median(values[2])};
}

inline std::vector<PointError> errors_of_points(const Evidence& evidence, const Explanation& as,
                                                const std::vector<ActionPoints>& points) {
  std::vector<PointError> errors;
  for (std::size_t view = 0; view < evidence.views(); ++view) {
    for (std::size_t point = 0; point < 3; ++point) {
      const auto error = ReprojectionError::of(evidence.distances(as, view, points, point));
      errors.push_back({view, std::string(point_names[point]), error});
    }
  }
  return errors;
}

inline void list_fits(const std::vector<Explanation>& tried, Diagnosis& diagnosis) {
  for (const Explanation& as : tried) {
    const Fit fit{name_of(as), as.error};
    const auto known = [&](const Fit& other) { return other.name == fit.name; };
    if (std::none_of(diagnosis.fits.begin(), diagnosis.fits.end(), known)) diagnosis.fits.push_back(fit);
  }
  std::stable_sort(diagnosis.fits.begin(), diagnosis.fits.end(),
                   [](const Fit& a, const Fit& b) { return a.error < b.error; });
}

/// Adds what the pictures tell. When they fit the rig, or say what is mixed up, guesses from the rig alone are notes.
inline void judge_images(const Evidence& evidence, std::optional<std::vector<ActionPoints>> known,
                         Convention convention, Diagnosis& diagnosis) {
  ExplanationSearch search(evidence, known);
  const Explanation found = search.find();
  list_fits(search.tried(), diagnosis);
  const Explanation& given = search.given();
  diagnosis.errors = errors_of_points(evidence, given, known ? *known : evidence.fitted_points(given));
  if (evidence.views() > 1) diagnosis.shape = shape_of(evidence, given);
  const auto named = findings_from(found, convention);
  const bool fits = !(given.error > 1.0);
  if (fits || !named.empty()) {
    for (Finding& guess : diagnosis.warnings) {
      const auto same = [&](const Finding& finding) { return finding.name == guess.name; };
      if (std::none_of(named.begin(), named.end(), same)) diagnosis.notes.push_back(std::move(guess));
    }
    diagnosis.warnings = named;
  } else if (given.error > std::max(2.0, 0.01 * evidence.penalty()) && diagnosis.warnings.empty()) {
    diagnosis.warnings.push_back(
        {"unexplained",
         text_of("the images do not fit the rig: a median error of ", std::round(10.0 * given.error) / 10.0,
                 " px, and no usual mix-up explains it"),
         {}});
  }
}

inline std::vector<ActionPoints> points_at(const Trajectory& actions, const std::vector<std::size_t>& times,
                                           double axis_length) {
  std::vector<ActionPoints> points;
  for (const std::size_t time : times) points.push_back(points_of(actions[time], axis_length));
  return points;
}

/// Warns of views in which no blob was found.
inline void check_peaks(const Observations& observations, Diagnosis& diagnosis) {
  Findings findings(observations.views);
  for (std::size_t view = 0; view < observations.views; ++view) {
    std::size_t count = 0;
    for (std::size_t index = 0; index < observations.times.size(); ++index) {
      for (const auto& peak : observations.at(view, index)) count += peak.has_value() ? 1 : 0;
    }
    if (count == 0) findings.add("no_peaks", "no blob is seen in the images: are they action images?", view);
  }
  for (Finding& finding : findings.take()) diagnosis.warnings.push_back(std::move(finding));
}

inline void note_mirrored(const Rig& rig, Diagnosis& diagnosis) {
  Findings notes(rig.size());
  for (std::size_t view = 0; view < rig.size(); ++view) {
    const Eigen::Matrix3d& intrinsics = rig[view].intrinsics();
    if (intrinsics(0, 0) < 0.0 && intrinsics(1, 1) < 0.0) {
      notes.add("negative_focal", "both focal lengths are negative, as CoppeliaSim and RLBench have them; that is fine",
                view);
    }
  }
  for (Finding& note : notes.take()) diagnosis.notes.push_back(std::move(note));
}

inline void check_doctor(const DoctorOptions& options, const Rig& rig) {
  constexpr auto where = "codec::doctor";
  check_drawing(sigma_of(options.sigma, rig), options.axis_length, where);
  check(options.distances.size() <= 1000, where, "distances", "at most 1000", options.distances.size());
  for (const double distance : options.distances) {
    check(std::isfinite(distance) && distance > 0.0, where, "distances", "positive numbers of metres", distance);
  }
  check(options.most_frames > 0, where, "most_frames", "a positive number", options.most_frames);
}

}  // namespace detail

namespace detail {

/// What the cameras alone tell, but for the parallax.
inline Diagnosis examine_rig(const Rig& rig, const DoctorOptions& options) {
  check_doctor(options, rig);
  const std::vector<Camera> cameras = first_cameras(rig);
  const auto common = common_point(cameras);
  Diagnosis diagnosis;
  for (const Camera& camera : cameras) diagnosis.views.push_back(report_view(camera, common));
  for (std::size_t first = 0; first < rig.size(); ++first) {
    for (std::size_t second = first + 1; second < rig.size(); ++second) {
      diagnosis.pairs.push_back(report_pair(rig, first, second, options.distances));
    }
  }
  if (rig.size() > 1) diagnosis.precision = precisions_at(cameras, options.distances);
  diagnosis.warnings = check_rig(rig);
  note_mirrored(rig, diagnosis);
  return diagnosis;
}

/// What the pictures tell of the rig's unit and frame, where nothing else explains them.
inline void judge_scale(const Rig& rig, const Observations& observations, const std::optional<Trajectory>& actions,
                        const DoctorOptions& options, Diagnosis& diagnosis) {
  const bool unexplained = std::any_of(diagnosis.warnings.begin(), diagnosis.warnings.end(),
                                       [](const Finding& finding) { return finding.name == "unexplained"; });
  if (!unexplained && !diagnosis.warnings.empty()) return;
  const PointPixels pixels = point_pixels(observations, options.convention);
  const Rig then = rig_at(rig, observations.times);
  std::optional<Finding> found;
  if (actions && unexplained) {
    Trajectory seen;
    for (const std::size_t time : observations.times) seen.push_back((*actions)[time]);
    found = other_frame(then, pixels, seen, {options.convention, options.axis_length});
  } else if (!actions) {
    found = wrong_scale(then, pixels, options.axis_length);
  }
  if (found) diagnosis.warnings = {*found};
}

}  // namespace detail

/// Examines a rig: what each view is, how precisely pairs and all of them measure, and what is probably wrong.
/// @throws ValueError if an option is out of range.
inline Diagnosis doctor(const Rig& rig, const DoctorOptions& options = {}) {
  Diagnosis diagnosis = detail::examine_rig(rig, options);
  const std::vector<Camera> cameras = detail::first_cameras(rig);
  detail::check_parallax(cameras, detail::point_of_interest(cameras, options.distances), diagnosis.warnings);
  return diagnosis;
}

/// Examines a rig and action images that belong to it: the reprojection errors of the points, as given and as if each
/// usual convention had been mixed up, and by that which one was.
/// @param images   (V, T, H, W, 3).
/// @param actions  the T actions that the images show. Without them the views are compared with each other: poses of
///                 three rigid points are fitted to the pictures. That needs two views, and does not see what a change
///                 of all poses makes up for, such as exchanged channels.
/// @throws ShapeError if images or actions are not the rig's; ValueError if an option is out of range.
template <PixelType Pixel>
Diagnosis doctor(const Rig& rig, const ImagesView<const Pixel>& images, const std::optional<Trajectory>& actions,
                 const DoctorOptions& options = {}) {
  constexpr auto where = "codec::doctor";
  Diagnosis diagnosis = detail::examine_rig(rig, options);
  const std::array<std::size_t, 5> expected{rig.size(), actions ? actions->size() : images.frames,
                                            static_cast<std::size_t>(rig.height()),
                                            static_cast<std::size_t>(rig.width()), 3};
  check_shape(images.shape() == expected, where, "images", shape_text(expected), images.shape());
  check(images.frames > 0, where, "images", "at least one frame", "none");
  check_frames(rig, images.frames, where);
  check_pixel_range(images, where);
  if (actions) check_trajectory(*actions, where);
  const Observations observations = observe(images, sigma_of(options.sigma, rig), options.most_frames);
  std::optional<std::vector<ActionPoints>> known;
  if (actions) known = detail::points_at(*actions, observations.times, options.axis_length);
  if (known || rig.size() > 1) {
    detail::judge_images({rig, observations, options.convention, options.axis_length}, known, options.convention,
                         diagnosis);
    if (rig.size() > 1) detail::judge_scale(rig, observations, actions, options, diagnosis);
  }
  const std::vector<Camera> cameras = detail::first_cameras(rig);
  const auto middle = known ? detail::middle_of(*known) : std::nullopt;
  detail::check_parallax(cameras, middle.value_or(detail::point_of_interest(cameras, options.distances)),
                         diagnosis.warnings);
  detail::check_peaks(observations, diagnosis);
  return diagnosis;
}

}  // namespace action_images
