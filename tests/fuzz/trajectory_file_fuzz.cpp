// SPDX-License-Identifier: Apache-2.0
// Any text is refused with a ValueError, or is a trajectory that is written and read again without a change; in other
// formats than euler without a change of more than rounding.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <action_images/codec_io/trajectory_file.hpp>

#include "check_that.hpp"

using namespace action_images;

namespace {

std::optional<Trajectory> trajectory_of(std::string_view text) {
  try {
    return trajectory_from_csv(text);
  } catch (const ValueError&) {
    return std::nullopt;
  }
}

void check_format(const Trajectory& trajectory, ActionFormat format) {
  const Trajectory again = trajectory_from_csv(csv_from_trajectory(trajectory, format));
  fuzz::check_that(again.size() == trajectory.size(), "no action is lost");
  for (std::size_t t = 0; t < again.size(); ++t) {
    const Eigen::Matrix3d difference = rotation_from_euler(again[t].euler) - rotation_from_euler(trajectory[t].euler);
    fuzz::check_that(difference.cwiseAbs().maxCoeff() < 1e-8, "rotations are kept");
    fuzz::check_that(again[t].position == trajectory[t].position, "positions are kept");
    fuzz::check_that(again[t].openness == trajectory[t].openness, "openness is kept");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto trajectory = trajectory_of({reinterpret_cast<const char*>(data), size});
  if (!trajectory || trajectory->empty()) return 0;
  const ActionMatrix rows = matrix_from_trajectory(*trajectory);
  fuzz::check_that(rows.allFinite(), "actions are finite");
  const Trajectory again = trajectory_from_csv(csv_from_trajectory(*trajectory));
  fuzz::check_that(matrix_from_trajectory(again) == rows, "a trajectory is read as it was written");
  for (const ActionFormat format : {ActionFormat::quaternion, ActionFormat::rotation_6d, ActionFormat::matrix}) {
    check_format(*trajectory, format);
  }
  return 0;
}
