// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/estimate_cameras.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <action_images/core/check.hpp>

#include "given_pictures.hpp"
#include "reading_cache.hpp"

namespace action_images {

namespace {

constexpr const char* where = "vggt::estimate_cameras";
constexpr double degree = 180.0 / 3.14159265358979323846;
constexpr double smallest_fov = 1.0, largest_fov = 179.0;  // [deg]
constexpr double smallest_quaternion = 1e-3;

using vggt::Pictures;

std::string name_of(std::int64_t picture) { return text_of("pictures[", picture, "]"); }

void check_options(const EstimateOptions& options) {
  const auto in = [](double value, double low, double high) { return value >= low && value <= high; };
  check(in(options.percentile, 0.0, 100.0), where, "percentile", "0 to 100", options.percentile);
  check(in(options.min_confidence, 0.0, 1e30), where, "min_confidence", "a number of at least 0",
        options.min_confidence);
  check(in(options.pixel_offset, 0.0, 1.0), where, "pixel_offset", "0 to 1", options.pixel_offset);
}

vggt::Reading read_pictures(const Vggt& network, const at::Tensor& images, const EstimateOptions& options) {
  const at::NoGradGuard no_gradients;
  const at::Device device = network.parameters().named().front().second.device();
  const VggtOutput output = network.forward(images.unsqueeze(0).to(device),
                                            {.points = false, .chunk = options.chunk, .progress = options.progress});
  const auto home = [](const at::Tensor& tensor) { return tensor[0].to(at::kCPU, at::kFloat).contiguous(); };
  return {home(output.pose_enc), home(output.depth.squeeze(-1)), home(output.depth_conf)};
}

// Throws unless every picture has a camera and a depth map.
void check_reading(const vggt::Reading& reading) {
  const at::Tensor poses = reading.pose_enc.to(at::kDouble);
  for (std::int64_t i = 0; i < poses.size(0); ++i) {
    const auto holds = [&](bool condition, const char* expected, const auto& got) {
      check<NumericalError>(condition, where, name_of(i), expected, got);
    };
    const bool finite = at::isfinite(poses[i]).all().item<bool>() &&
                        at::isfinite(reading.depth[i]).all().item<bool>() &&
                        at::isfinite(reading.depth_confidence[i]).all().item<bool>();
    holds(finite, "finite cameras and depths of the network", "NaN or infinity");
    const double length = poses[i].narrow(0, 3, 4).norm().item<double>();
    holds(length > smallest_quaternion, "a rotation of the network", text_of("a quaternion of length ", length));
    for (const std::int64_t k : {7, 8}) {
      const double fov = degree * poses[i][k].item<double>();
      holds(fov > smallest_fov && fov < largest_fov, "a field of view within 1..179 degrees", text_of(fov, " degrees"));
    }
  }
}

template <typename Matrix>
Matrix matrix_from(const at::Tensor& tensor) {
  Matrix matrix;
  for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
    for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
      matrix(row, column) = tensor[row][column].item<double>();
    }
  }
  return matrix;
}

std::vector<Camera> cameras_of(const VggtCameras& seen, const VggtPictures& prepared, const Pictures& pictures) {
  const at::Tensor intrinsics = intrinsics_of_pictures(seen.intrinsics, prepared.placements);
  std::vector<Camera> cameras;
  for (std::int64_t i = 0; i < intrinsics.size(0); ++i) {
    const auto pose = matrix_from<Eigen::Matrix<double, 3, 4>>(seen.extrinsics[i]);
    const at::Tensor& picture = pictures[static_cast<std::size_t>(i)];
    cameras.push_back(Camera::from_opencv(matrix_from<Eigen::Matrix3d>(intrinsics[i]),
                                          detail::nearest_rotation(pose.leftCols<3>()), pose.col(3),
                                          {static_cast<int>(picture.size(1)), static_cast<int>(picture.size(0))}));
  }
  return cameras;
}

Rig rig_of(std::vector<Camera> cameras, const Pictures& pictures) {
  if (!vggt::of_one_size(pictures)) {
    const int side = vggt::common_side(pictures);
    for (Camera& camera : cameras) camera = camera.center_crop_resize(side, side);
  }
  return Rig(std::move(cameras));
}

// (S, H, W): whether a pixel that the network saw is of the picture, and not of a border around it.
at::Tensor shown_in(const VggtPictures& prepared, const Pictures& pictures) {
  const std::int64_t height = prepared.images.size(2), width = prepared.images.size(3);
  const auto within = [](std::int64_t count, double scale, double offset, std::int64_t length) {
    const at::Tensor at_picture = (at::arange(count, at::kDouble) + 0.5 - offset) / scale;
    return at_picture.ge(0.0).logical_and(at_picture.le(static_cast<double>(length)));
  };
  std::vector<at::Tensor> shown;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const VggtPlacement& placement = prepared.placements[i];
    const at::Tensor rows = within(height, placement.scale_y, placement.offset_y, pictures[i].size(0));
    const at::Tensor columns = within(width, placement.scale_x, placement.offset_x, pictures[i].size(1));
    shown.push_back(rows.unsqueeze(1).logical_and(columns.unsqueeze(0)));
  }
  return at::stack(shown);
}

// Confidence below which points are left out.
double least_confidence(const at::Tensor& confidence, const EstimateOptions& options) {
  const std::int64_t count = confidence.numel();
  const auto rank = static_cast<std::int64_t>(std::floor(options.percentile / 100.0 * static_cast<double>(count)));
  if (rank < 1) return options.min_confidence;
  const double at_rank = std::get<0>(confidence.flatten().kthvalue(std::min(rank + 1, count))).item<double>();
  return std::max(at_rank, options.min_confidence);
}

void add_points(SceneEstimate& estimate, const SeenScene& scene, const at::Tensor& images,
                const EstimateOptions& options) {
  const double least = least_confidence(scene.depth_confidence.index({scene.shown}), options);
  std::vector<at::Tensor> points, colors, confidence;
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const at::Tensor kept = scene.shown[i].logical_and(scene.depth_confidence[i].ge(least));
    const VggtCameras camera{scene.cameras.extrinsics[i], scene.cameras.intrinsics[i]};
    const at::Tensor all = points_from_depth(scene.depth[i].to(at::kDouble), camera, options.pixel_offset);
    points.push_back(all.index({kept}).to(at::kFloat));
    colors.push_back((images[i].permute({1, 2, 0}).index({kept}) * 255.0).round().clamp(0.0, 255.0).to(at::kByte));
    confidence.push_back(scene.depth_confidence[i].index({kept}));
  }
  estimate.points = at::cat(points);
  estimate.colors = at::cat(colors);
  estimate.confidence = at::cat(confidence);
}

void measure_cameras(const std::vector<Camera>& cameras, SceneQuality& quality) {
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    const Camera& camera = cameras[i];
    const double fx = camera.intrinsics()(0, 0), fy = camera.intrinsics()(1, 1);
    quality.fov_x.push_back(2.0 * degree * std::atan(0.5 * camera.width() / fx));
    quality.fov_y.push_back(2.0 * degree * std::atan(0.5 * camera.height() / fy));
    if (std::max(fx / fy, fy / fx) > 1.1) {
      quality.warnings.push_back(
          {"focal_ratio", "fx and fy differ by more than 10 %: the pixels of most cameras are square", {i}});
    }
  }
  const auto [least, most] = std::minmax_element(quality.fov_x.begin(), quality.fov_x.end());
  if (*most > 1.5 * *least) {
    quality.warnings.push_back(
        {"focal_lengths", "the fields of view differ by more than half: do not take them for one camera's", {}});
  }
}

// Warnings of one picture each that say the same become one of all these pictures.
std::vector<Finding> gathered(std::vector<Finding> warnings) {
  std::vector<Finding> result;
  for (Finding& warning : warnings) {
    const auto same = std::find_if(result.begin(), result.end(), [&](const Finding& other) {
      return warning.views.size() == 1 && other.name == warning.name && other.text == warning.text;
    });
    if (same == result.end()) {
      result.push_back(std::move(warning));
    } else {
      same->views.push_back(warning.views[0]);
    }
  }
  return result;
}

SceneEstimate estimate_of(const vggt::Reading& reading, const VggtPictures& prepared, const Pictures& pictures,
                          const EstimateOptions& options) {
  check_reading(reading);
  const SeenScene scene{
      cameras_from_pose_encoding(reading.pose_enc.to(at::kDouble), reading.depth.size(1), reading.depth.size(2)),
      reading.depth, reading.depth_confidence, shown_in(prepared, pictures)};
  std::vector<Camera> cameras = cameras_of(scene.cameras, prepared, pictures);
  SceneEstimate estimate{.cameras = cameras,
                         .rig = rig_of(cameras, pictures),
                         .points = {},
                         .colors = {},
                         .confidence = {},
                         .depth = reading.depth,
                         .depth_confidence = reading.depth_confidence,
                         .placements = prepared.placements,
                         .quality = scene_quality(scene)};
  add_points(estimate, scene, prepared.images, options);
  vggt::warn_of_pictures(prepared.images, pictures, estimate.quality);
  measure_cameras(cameras, estimate.quality);
  estimate.quality.warnings = gathered(std::move(estimate.quality.warnings));
  return estimate;
}

VggtPictures prepared_pictures(const Pictures& pictures, const EstimateOptions& options, const VggtConfig& config) {
  return vggt_pictures(pictures, options.sizing, config.img_size, config.patch);
}

}  // namespace

SceneEstimate estimate_cameras(const Vggt& network, const std::vector<at::Tensor>& pictures,
                               const EstimateOptions& options) {
  check_options(options);
  vggt::check_pictures(pictures);
  const VggtPictures prepared = prepared_pictures(pictures, options, network.config());
  return estimate_of(read_pictures(network, prepared.images, options), prepared, pictures, options);
}

SceneEstimate estimate_cameras(const std::filesystem::path& weights, const std::vector<at::Tensor>& pictures,
                               const EstimateOptions& options, const VggtLoadOptions& loading) {
  check_options(options);
  vggt::check_pictures(pictures);
  const VggtPictures prepared = prepared_pictures(pictures, options, vggt_config_of(weights, loading));
  if (options.cache.empty()) {
    return estimate_of(read_pictures(load_vggt(weights, loading), prepared.images, options), prepared, pictures,
                       options);
  }
  const vggt::ReadingCache cache(options.cache, vggt_identity(weights, loading), prepared.images, options.notice);
  std::optional<vggt::Reading> reading = cache.find();
  const bool fresh = !reading;
  if (fresh) reading = read_pictures(load_vggt(weights, loading), prepared.images, options);
  SceneEstimate estimate = estimate_of(*reading, prepared, pictures, options);
  if (fresh) cache.store(*reading);  // not what is no camera
  return estimate;
}

}  // namespace action_images
