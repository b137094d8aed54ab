// SPDX-License-Identifier: Apache-2.0
// Any text is refused with a ValueError, or is one view of RLBench or the views of DROID, of the size and the number of
// frames that were asked for.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <action_images/codec_io/camera_params.hpp>

#include "check_that.hpp"

using namespace action_images;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  RigFileOptions options;
  options.width = 64;
  options.height = 48;
  nlohmann::json document;
  try {
    document = detail::parse_json(text, "input", "fuzz::camera_params");
  } catch (const FormatError&) {
    return 0;
  }
  try {
    const auto cameras = cameras_from_camera_params(document, options);
    fuzz::check_that(!cameras.empty() && cameras.size() <= document.size(), "a camera for every entry, or one");
    fuzz::check_that(cameras.back().width() == 64 && cameras.back().height() == 48, "cameras have the given size");
  } catch (const ValueError&) {
  }
  try {
    const Rig rig = rig_from_droid_json(document, options);
    fuzz::check_that(rig.size() == document.size() && !rig.is_moving(), "a camera for every view");
    fuzz::check_that(document.contains(rig.names().back()), "views have the names of the file");
  } catch (const ValueError&) {
  }
  return 0;
}
