// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/scene_quality.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

namespace action_images {

namespace {

constexpr double depth_tolerance = 0.05;          // relative, of depths that agree
constexpr std::int64_t points_of_picture = 4096;  // about so many are looked at
constexpr double degree = 180.0 / 3.14159265358979323846;

double median_of(const at::Tensor& values) {
  return values.numel() == 0 ? std::numeric_limits<double>::quiet_NaN() : values.flatten().median().item<double>();
}

double share_of(const at::Tensor& flags) {
  return flags.numel() == 0 ? 0.0 : flags.to(at::kDouble).mean().item<double>();
}

double ramp(double value, double from, double to) {
  return std::isfinite(value) ? std::clamp((value - from) / (to - from), 0.0, 1.0) : 0.0;
}

// The pairs of different pictures that are compared, each in both directions.
std::vector<std::pair<std::int64_t, std::int64_t>> pairs_of(std::int64_t pictures) {
  const std::int64_t others = pictures <= 16 ? pictures - 1 : 8;
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t i = 0; i < pictures; ++i) {
    for (std::int64_t next = 1; next <= others; ++next) pairs.emplace_back(i, (i + next) % pictures);
  }
  return pairs;
}

// What the points of one picture are in another one.
struct Seen {
  at::Tensor inside;  // (n,) bool
  at::Tensor error;   // (inside,) relative differences of depth
  double angle;       // median between the directions to both cameras [deg]
};

class SceneMeasure {
 public:
  explicit SceneMeasure(const SeenScene& scene) : scene_(scene), count_(scene.depth.size(0)) {
    const std::int64_t height = scene.depth.size(1), width = scene.depth.size(2);
    const double step = std::sqrt(static_cast<double>(height * width) / static_cast<double>(points_of_picture));
    const auto stride = std::max<std::int64_t>(1, static_cast<std::int64_t>(step));
    for (std::int64_t i = 0; i < count_; ++i) {
      const VggtCameras camera{scene.cameras.extrinsics[i], scene.cameras.intrinsics[i]};
      const at::Tensor points = points_from_depth(scene.depth[i].to(at::kDouble), camera);
      const auto sparse = [stride](const at::Tensor& map) {
        return map.slice(0, stride / 2, {}, stride).slice(1, stride / 2, {}, stride);
      };
      const at::Tensor sure = scene.depth_confidence[i];
      const at::Tensor kept = sparse(scene.shown[i].logical_and(sure.ge(sure.median())));
      points_.push_back(sparse(points).index({kept}));
      const at::Tensor r = camera.extrinsics.narrow(1, 0, 3), t = camera.extrinsics.select(1, 3);
      centers_.push_back(-at::matmul(r.t(), t));
      depths_.push_back(sparse(scene.depth[i]).index({kept}));
    }
  }

  double depth() const { return median_of(at::cat(depths_)); }
  std::int64_t count() const { return count_; }
  std::int64_t points(std::int64_t picture) const { return points_[static_cast<std::size_t>(picture)].size(0); }

  double distance(std::int64_t i, std::int64_t j) const { return (center(i) - center(j)).norm().item<double>(); }

  Seen seen(std::int64_t from, std::int64_t other) const {
    const at::Tensor& points = points_[static_cast<std::size_t>(from)];
    const at::Tensor pose = scene_.cameras.extrinsics[other];
    const at::Tensor in_camera = at::matmul(points, pose.narrow(1, 0, 3).t()) + pose.select(1, 3);
    const at::Tensor z = in_camera.select(1, 2);
    const at::Tensor pixels =
        at::matmul(in_camera, scene_.cameras.intrinsics[other].t()).narrow(1, 0, 2) / z.unsqueeze(1);
    const at::Tensor x = pixels.select(1, 0), y = pixels.select(1, 1);
    const std::int64_t height = scene_.depth.size(1), width = scene_.depth.size(2);
    at::Tensor inside =
        z.gt(0).logical_and(x.ge(0)).logical_and(x.lt(width)).logical_and(y.ge(0)).logical_and(y.lt(height));
    const at::Tensor column = at::where(inside, x, 0.0).floor().to(at::kLong);
    const at::Tensor row = at::where(inside, y, 0.0).floor().to(at::kLong);
    inside = inside.logical_and(scene_.shown[other].index({row, column}));
    const at::Tensor there = scene_.depth[other].index({row, column}).to(at::kDouble);
    const at::Tensor to_one = center(from) - points, to_other = center(other) - points;
    const at::Tensor cosine = (to_one * to_other).sum(1) / (to_one.norm(2, {1}) * to_other.norm(2, {1}));
    return {inside, ((z - there).abs() / there).index({inside}), degree * median_of(cosine.clamp(-1.0, 1.0).acos())};
  }

 private:
  const at::Tensor& center(std::int64_t picture) const { return centers_[static_cast<std::size_t>(picture)]; }

  const SeenScene& scene_;
  std::int64_t count_;
  std::vector<at::Tensor> points_, centers_, depths_;
};

void measure_pairs(const SceneMeasure& measure, SceneQuality& quality) {
  std::vector<at::Tensor> errors, together(static_cast<std::size_t>(measure.count()));
  const auto look = [&](std::int64_t from, std::int64_t other) {
    const Seen seen = measure.seen(from, other);
    at::Tensor& all = together[static_cast<std::size_t>(from)];
    all = all.defined() ? all.logical_or(seen.inside) : seen.inside;
    errors.push_back(seen.error);
    if (std::isfinite(seen.angle)) quality.parallax = std::max(quality.parallax, seen.angle);
  };
  for (const auto& [i, j] : pairs_of(measure.count())) {
    quality.baseline = std::max(quality.baseline, measure.distance(i, j) / quality.depth);
    look(i, j);
    if (measure.count() > 16) look(j, i);  // fewer pictures have both directions among their pairs
  }
  const at::Tensor error = at::cat(errors);
  quality.overlap = share_of(at::cat(together));
  quality.agreement = share_of(error.le(depth_tolerance));
  quality.depth_error = median_of(error);
  for (std::size_t i = 0; i < together.size(); ++i) {
    if (share_of(together[i]) < 0.1)
      quality.warnings.push_back({"little_overlap", "less than 10 % of what the picture shows is in another one", {i}});
  }
}

void warn(SceneQuality& quality) {
  const auto add = [&](const char* name, const std::string& text) { quality.warnings.push_back({name, text, {}}); };
  const auto percent = [](double share) { return std::to_string(static_cast<int>(std::lround(100.0 * share))) + " %"; };
  if (quality.baseline < 0.02) {
    add("short_baseline",
        "the cameras are less than 2 % of the depth apart: their distance, and with it all depth, is hardly known");
  }
  if (quality.parallax < 1.0) add("parallel_rays", "points see the cameras within 1 degree: depth is hardly known");
  if (quality.agreement < 0.3) {
    add("disagreeing_depth",
        "only " + percent(quality.agreement) +
            " of the points lie where another picture's depth has them: the cameras do not fit the pictures");
  }
}

nlohmann::json finite(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

}  // namespace

SceneQuality scene_quality(const SeenScene& scene) {
  const SceneMeasure measure(scene);
  SceneQuality quality;
  quality.depth = measure.depth();
  quality.depth_confidence = median_of(scene.depth_confidence.index({scene.shown}));
  if (measure.count() == 1) {
    quality.warnings.push_back(
        {"one_picture", "one picture shows no distances: only the focal lengths are estimated", {0}});
    return quality;
  }
  measure_pairs(measure, quality);
  warn(quality);
  quality.confidence = std::min({ramp(quality.baseline, 0.0, 0.05), ramp(quality.parallax, 0.0, 3.0),
                                 ramp(quality.overlap, 0.0, 0.3), ramp(quality.agreement, 0.1, 0.6)});
  return quality;
}

nlohmann::json json_from(const SceneQuality& quality) {
  nlohmann::json warnings = nlohmann::json::array();
  for (const Finding& finding : quality.warnings) {
    warnings.push_back({{"name", finding.name}, {"text", finding.text}, {"views", finding.views}});
  }
  return {{"confidence", finite(quality.confidence)},
          {"fov_x", quality.fov_x},
          {"fov_y", quality.fov_y},
          {"depth", finite(quality.depth)},
          {"baseline", finite(quality.baseline)},
          {"parallax", finite(quality.parallax)},
          {"overlap", finite(quality.overlap)},
          {"agreement", finite(quality.agreement)},
          {"depth_error", finite(quality.depth_error)},
          {"depth_confidence", finite(quality.depth_confidence)},
          {"warnings", warnings}};
}

}  // namespace action_images
