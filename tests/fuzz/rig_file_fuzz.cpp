// SPDX-License-Identifier: Apache-2.0
// Any text is refused with a ValueError (ShapeError and FormatError are ones), or is a rig that is written and read
// again without a change.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <action_images/codec_io/rig_file.hpp>

#include "check_that.hpp"

using namespace action_images;

namespace {

std::optional<Rig> rig_of(std::string_view text, const RigFileOptions& options) {
  try {
    return rig_from_text(text, "input", options);
  } catch (const ValueError&) {
    return std::nullopt;
  }
}

void check_rig(const Rig& rig) {
  const std::string written = text_from_rig(rig);
  const Rig again = rig_from_text(written);
  const bool equal = again.size() == rig.size() && again.frames() == rig.frames() && again.names() == rig.names() &&
                     std::equal(again.begin(), again.end(), rig.begin(), rig.end(), detail::same_camera);
  fuzz::check_that(equal, "a rig is read as it was written");
  fuzz::check_that(text_from_rig(again) == written, "a rig is written as it was read");
  for (const Camera& camera : rig) {
    const auto ray = camera.ray({0.5 * camera.width(), 0.5 * camera.height()});
    fuzz::check_that(!ray || ray->direction.allFinite() || !camera.center().allFinite(), "rays are finite");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto rig = rig_of(text, {})) check_rig(*rig);
  RigFileOptions options;
  options.width = 64;
  options.height = 48;
  options.frames = 4;
  if (const auto rig = rig_of(text, options)) check_rig(*rig);
  return 0;
}
