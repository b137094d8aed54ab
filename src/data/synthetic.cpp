// SPDX-License-Identifier: Apache-2.0
#include <action_images/data/synthetic.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

#include <Eigen/Geometry>

#include <action_images/core/check.hpp>
#include <action_images/data/random_stream.hpp>

#include "layouts.hpp"

namespace action_images {
namespace {

using Eigen::Vector3d;

constexpr const char* where = "data::synthetic_episodes";

struct Disc {
  const char* name;
  Vector3d colour;  // 0 .. 255
  Vector3d centre = Vector3d::Zero();
};

constexpr double disc_radius = 0.06, ball_radius = 0.03;  // [m]

struct Scene {
  std::array<Disc, 2> discs;
  Trajectory actions;
};

// A camera that looks at the origin from `eye`, x right and y down.
Camera camera_at(const Vector3d& eye, int height, int width) {
  const Vector3d forward = -eye.normalized();
  const Vector3d right = forward.cross(Vector3d::UnitZ()).normalized();
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  pose.block<3, 1>(0, 0) = right;
  pose.block<3, 1>(0, 1) = forward.cross(right);
  pose.block<3, 1>(0, 2) = forward;
  pose.block<3, 1>(0, 3) = eye;
  Eigen::Matrix3d intrinsics = Eigen::Matrix3d::Identity();
  intrinsics(0, 0) = intrinsics(1, 1) = 1.1 * std::min(height, width);
  intrinsics(0, 2) = 0.5 * width;
  intrinsics(1, 2) = 0.5 * height;
  return Camera(intrinsics, pose, width, height);
}

// Where a ray first meets a ball, as a distance along it; infinite if it does not.
double distance_to_ball(const Ray& ray, const Vector3d& centre) {
  const Vector3d from = ray.origin - centre;
  const double half = from.dot(ray.direction);
  const double rest = half * half - from.squaredNorm() + ball_radius * ball_radius;
  return rest < 0 ? std::numeric_limits<double>::infinity() : -half - std::sqrt(rest);
}

Vector3d table_colour(const Scene& scene, const Vector3d& point) {
  for (const Disc& disc : scene.discs) {
    if ((point - disc.centre).norm() < disc_radius) return disc.colour;
  }
  const bool dark = (static_cast<int>(std::floor(point.x() / 0.1)) + static_cast<int>(std::floor(point.y() / 0.1))) % 2 != 0;
  return Vector3d::Constant(dark ? 120.0 : 150.0);
}

// The colour that a camera sees along a ray at one moment.
Vector3d colour_along(const Scene& scene, const Ray& ray, const Action& action) {
  const double spread = 0.02 + 0.03 * action.openness;
  const Eigen::Matrix3d rotation = rotation_from_euler(action.euler);
  const std::array<std::pair<Vector3d, Vector3d>, 3> balls{
      {{action.position + 0.06 * rotation.col(2), {230, 230, 235}},
       {action.position + spread * rotation.col(1), {60, 60, 70}},
       {action.position - spread * rotation.col(1), {60, 60, 70}}}};
  double nearest = ray.direction.z() < 0 ? -ray.origin.z() / ray.direction.z() : std::numeric_limits<double>::infinity();
  Vector3d colour = std::isfinite(nearest) ? table_colour(scene, ray.origin + nearest * ray.direction) : Vector3d(90, 110, 140);
  for (const auto& [centre, shade] : balls) {
    const double distance = distance_to_ball(ray, centre);
    if (distance >= nearest) continue;
    nearest = distance;
    const Vector3d normal = (ray.origin + distance * ray.direction - centre).normalized();
    colour = shade * (0.6 + 0.4 * std::max(0.0, normal.z()));
  }
  return colour;
}

class SyntheticFrames final : public FrameSource {
 public:
  SyntheticFrames(std::shared_ptr<const Scene> scene, Camera camera) : scene_(std::move(scene)), camera_(std::move(camera)) {}

  VideoFrames read(std::span<const std::int64_t> frames, int height, int width) const override {
    const Camera camera = camera_.center_crop_resize(height, width);
    VideoFrames video{.rgb = {}, .frames = static_cast<int>(frames.size()), .height = height, .width = width, .fps = 0.0};
    video.rgb.reserve(video.frame_size() * frames.size());
    for (const std::int64_t frame : frames) {
      const auto count = static_cast<std::int64_t>(scene_->actions.size());
      check(frame >= 0 && frame < count, where, "frames", text_of("0 .. ", count - 1), frame);
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) add_pixel(camera, {x + 0.5, y + 0.5}, static_cast<std::size_t>(frame), video.rgb);
      }
    }
    return video;
  }

 private:
  void add_pixel(const Camera& camera, const Eigen::Vector2d& pixel, std::size_t frame, std::vector<std::uint8_t>& rgb) const {
    const Vector3d colour = colour_along(*scene_, *camera.ray(pixel), scene_->actions[frame]);
    for (int i = 0; i < 3; ++i) rgb.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(colour[i]), 0L, 255L)));
  }

  std::shared_ptr<const Scene> scene_;
  Camera camera_;
};

class SyntheticEpisodes final : public EpisodeSource {
 public:
  explicit SyntheticEpisodes(const SyntheticOptions& options) : options_(options) {}

  std::string name() const override { return "synthetic:"; }
  std::string layout() const override { return "synthetic"; }
  std::int64_t size() const override { return options_.episodes; }
  std::string fingerprint() const override {
    const auto& [episodes, frames, views, height, width, seed] = options_;
    return text_of("synthetic 1 ", episodes, ' ', frames, ' ', views, ' ', height, ' ', width, ' ', seed);
  }

  Episode episode(std::int64_t index) const override {
    check_episode_index(*this, index, where);
    RandomStream random{options_.seed, static_cast<std::uint64_t>(index)};
    const auto scene = std::make_shared<Scene>();
    const auto target = static_cast<std::size_t>(random.below(2));
    scene->discs = discs(random);
    scene->actions = reach(scene->discs[target].centre, random);
    Episode episode{.name = episode_name(index),
                    .texts = {text_of("reach the ", scene->discs[target].name, " disc")},
                    .frames = options_.frames,
                    .frame_rate = 10.0,
                    .views = {},
                    .actions = scene->actions};
    for (int view = 0; view < options_.views; ++view) {
      const double angle = std::numbers::pi * (0.25 + 1.7 * view / options_.views) + random.uniform(-0.1, 0.1);
      const Vector3d eye(0.8 * std::cos(angle), 0.8 * std::sin(angle), 0.65);
      const Camera camera = camera_at(eye, options_.height, options_.width);
      episode.views.push_back({text_of("view_", view), {camera}, std::make_shared<SyntheticFrames>(scene, camera)});
    }
    return episode;
  }

 private:
  static std::array<Disc, 2> discs(RandomStream& random) {
    std::array<Disc, 2> discs{{{"red", {205, 60, 50}}, {"blue", {55, 80, 205}}}};
    const double x = random.uniform(0.08, 0.2);
    const double side = random.below(2) == 0 ? 1.0 : -1.0;
    discs[0].centre = Vector3d(side * x, random.uniform(-0.2, 0.2), 0.0);
    discs[1].centre = Vector3d(-side * x, random.uniform(-0.2, 0.2), 0.0);
    return discs;
  }

  // From above the middle to above the target, slower at both ends; the gripper opens on the way.
  Trajectory reach(const Vector3d& target, RandomStream& random) const {
    const Vector3d start(random.uniform(-0.1, 0.1), random.uniform(-0.1, 0.1), random.uniform(0.2, 0.3));
    const Vector3d end = target + Vector3d(0, 0, 0.05);
    const double turn = random.uniform(-0.6, 0.6);
    Trajectory actions;
    for (std::int64_t t = 0; t < options_.frames; ++t) {
      const double s = options_.frames > 1 ? static_cast<double>(t) / static_cast<double>(options_.frames - 1) : 0.0;
      const double eased = s * s * (3.0 - 2.0 * s);
      actions.push_back({start + eased * (end - start), Vector3d(0, 0, eased * turn), s < 0.5 ? 0.0 : 1.0});
    }
    return actions;
  }

  SyntheticOptions options_;
};

}  // namespace

std::shared_ptr<const EpisodeSource> synthetic_episodes(const SyntheticOptions& options) {
  check(options.episodes >= 1, where, "episodes", "a positive number", options.episodes);
  check(options.frames >= 1 && options.frames <= max_episode_frames, where, "frames", "a positive number", options.frames);
  check(options.views >= 1 && options.views <= 8, where, "views", "1 .. 8", options.views);
  check(std::min(options.height, options.width) >= 8 && std::max(options.height, options.width) <= 2048, where,
        "height, width", "8 .. 2048", text_of(options.height, ", ", options.width));
  return std::make_shared<SyntheticEpisodes>(options);
}

std::shared_ptr<const EpisodeSource> open_synthetic(const std::string& path) {
  PathWithOptions given(path);
  SyntheticOptions options;
  const auto take = [&](const char* key, auto& value) {
    value = static_cast<std::remove_reference_t<decltype(value)>>(given.take(key, static_cast<double>(value)));
  };
  take("episodes", options.episodes);
  take("frames", options.frames);
  take("views", options.views);
  take("height", options.height);
  take("width", options.width);
  take("seed", options.seed);
  given.refuse_others();
  return synthetic_episodes(options);
}

}  // namespace action_images
