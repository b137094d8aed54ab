// SPDX-License-Identifier: Apache-2.0
#include <action_images/calibration/scale_checks.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <action_images/calibration/doctor.hpp>
#include <action_images/codec/encode.hpp>

#include "scale_scenes.hpp"

using namespace action_images;

namespace {

std::string names_of(const Diagnosis& diagnosis) {
  std::string names;
  for (const Finding& finding : diagnosis.warnings) names += (names.empty() ? "" : " ") + finding.name;
  return names;
}

/// A camera at a place that looks along z.
Camera forward_camera(const Eigen::Vector3d& place, double focal = 80.0) {
  Eigen::Matrix3d intrinsics;
  intrinsics << focal, 0, 32, 0, focal, 32, 0, 0, 1;
  Eigen::Matrix4d pose = Eigen::Matrix4d::Identity();
  pose.topRightCorner<3, 1>() = place;
  return {intrinsics, pose, 64, 64};
}

}  // namespace

TEST_CASE("the doctor warns of short baselines, in proportion to the distance") {
  const auto stereo = [](double baseline) {
    return Rig({forward_camera({0, 0, 0}), forward_camera({baseline, 0, 0})});
  };
  CHECK(names_of(doctor(stereo(0.06))) == "");
  const Diagnosis diagnosis = doctor(stereo(0.01));
  REQUIRE(names_of(diagnosis) == "short_baseline");
  CHECK(diagnosis.warnings[0].text.find("the cameras are 10 mm apart, 1.33 % of the 0.75 m to what they see") !=
        std::string::npos);
  CHECK(names_of(doctor(stereo(0.06), {.distances = {5.0}})) == "short_baseline");
  CHECK(names_of(doctor(Rig({forward_camera({0, 0, 0})}))) == "");
}

TEST_CASE("the doctor warns of a camera behind another, whose rays are parallel") {
  const Rig rig({forward_camera({0, 0, 0}), forward_camera({0, 0, -0.4})});
  const Diagnosis diagnosis = doctor(rig);
  REQUIRE(names_of(diagnosis) == "parallel_rays");
  CHECK(diagnosis.warnings[0].text.find("although the cameras are 0.4 m apart") != std::string::npos);
  CHECK(diagnosis.warnings[0].views == std::vector<std::size_t>{0, 1});
}

TEST_CASE("the distance of a known trajectory decides what baseline is short") {
  const Rig rig({forward_camera({0, 0, 0}), forward_camera({0.06, 0, 0})});
  Trajectory far = test::random_motion(6, 2);
  for (Action& action : far) action.position += Eigen::Vector3d(0, 0, 4.0);
  const auto images = encode(far, rig);
  CHECK(names_of(doctor(rig, view_of(images), far)) == "short_baseline");
}

TEST_CASE("the doctor warns of focal lengths that do not fit together, and not of those that nearly do") {
  const Rig rig = test::rig_around(3, 64);
  const auto with_focal = [&](double factor) {
    std::size_t view = 0;
    return rig.transformed([&](const Camera& camera) {
      Eigen::Matrix3d intrinsics = camera.intrinsics();
      if (view++ == 1) intrinsics.topLeftCorner<2, 2>() *= factor;
      return Camera(intrinsics, camera.world_from_camera().matrix(), 64, 64);
    });
  };
  CHECK(names_of(doctor(with_focal(1.3))) == "");
  const Diagnosis diagnosis = doctor(with_focal(2.0));
  REQUIRE(names_of(diagnosis) == "focal_mismatch");
  CHECK(
      diagnosis.warnings[0].text ==
      "view 1: the focal length is 2 times that of view 0: well for another lens, but pictures of one camera have one");
}

TEST_CASE("the doctor doubts units in which the cameras are very close or far") {
  for (const double scale : {0.01, 30.0}) {
    const Rig rig = align_rig(test::rig_around(2, 64), Similarity{scale});
    CHECK(names_of(doctor(rig)) == "scale");
  }
}

TEST_CASE("action images tell the doctor that the unit is not the metre, or the frame another") {
  const Rig rig = test::rig_around(2, 128);
  const Trajectory actions = test::random_motion(8, 2);
  const auto images = encode(actions, rig);
  CHECK(names_of(doctor(rig, view_of(images), {})) == "");
  CHECK(names_of(doctor(rig, view_of(images), actions)) == "");
  for (const double scale : {0.4, 1.2, 3.0}) {
    const Rig other = align_rig(rig, Similarity{scale, test::some_frame().rotation, {1, 2, 3}});
    const Diagnosis alone = doctor(other, view_of(images), {});
    REQUIRE(names_of(alone) == "scale");
    const Diagnosis known = doctor(other, view_of(images), actions);
    REQUIRE(names_of(known) == "frame");
    CHECK(known.warnings[0].text.find("(action-images rescale)") != std::string::npos);
  }
}
