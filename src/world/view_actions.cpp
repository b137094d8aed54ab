// SPDX-License-Identifier: Apache-2.0
#include "view_actions.hpp"

#include <array>
#include <string_view>

#include <action_images/codec/camera.hpp>
#include <action_images/core/check.hpp>

namespace action_images {
namespace {

// x and y of a pixel after center_crop and resizing: (pixel - offset) * scale.
struct CropResize {
  std::array<double, 2> offset{0.0, 0.0}, scale{1.0, 1.0};

  CropResize() = default;
  CropResize(const Rig& given, const WorldConfig& config) {
    const auto height = static_cast<int>(config.height), width = static_cast<int>(config.width);
    const CropBox box = center_crop(given.height(), given.width(), height, width);
    offset = {box.x, box.y};
    scale = {static_cast<double>(width) / box.width, static_cast<double>(height) / box.height};
  }
};

}  // namespace

PixelsOf pixels_of_from_name(std::string_view name) {
  check(name == "given" || name == "model", "world::pixels_of_from_name", "view_actions_of", "\"given\" or \"model\"",
        text_of('"', printable(name), '"'));
  return name == "given" ? PixelsOf::given : PixelsOf::model;
}

PixelActions model_pixels(const ViewActions& actions, const Rig& given, std::int64_t frames, const WorldConfig& config) {
  const auto& shape = actions.pixels.shape();
  const auto count = static_cast<std::size_t>(frames);
  const bool fits = shape[0] == given.size() && shape[2] == 7 && (shape[1] == 1 || shape[1] >= count);
  check_shape(fits, "world::WorldModel::generate", "view_actions",
              text_of('(', given.size(), ", 7) or (", given.size(), ", T, 7)"), shape);
  const CropResize resize = actions.pixels_of == PixelsOf::given ? CropResize(given, config) : CropResize();
  auto pixels = PixelActions::from_shape({shape[0], count, 7});
  for (std::size_t view = 0; view < shape[0]; ++view) {
    for (std::size_t time = 0; time < count; ++time) {
      const std::size_t row = shape[1] == 1 ? 0 : time;
      for (std::size_t i = 0; i < 6; ++i) {
        pixels(view, time, i) = (actions.pixels(view, row, i) - resize.offset[i % 2]) * resize.scale[i % 2];
      }
      pixels(view, time, 6) = actions.pixels(view, row, 6);
    }
  }
  return pixels;
}

}  // namespace action_images
