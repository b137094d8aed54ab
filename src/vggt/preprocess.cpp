// SPDX-License-Identifier: Apache-2.0
#include <action_images/vggt/preprocess.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>

namespace action_images {

namespace {

constexpr const char* where = "vggt::vggt_pictures";
constexpr double white = 255.0;

// A picture (1, 3, H, W), and where the one that it was made of lies in it.
struct Placed {
  at::Tensor pixels;
  VggtPlacement placement{1.0, 1.0, 0.0, 0.0};

  std::int64_t height() const { return pixels.size(2); }
  std::int64_t width() const { return pixels.size(3); }
};

void check_picture(const at::Tensor& picture, std::size_t index) {
  const std::string name = text_of("pictures[", index, "]");
  check_shape(picture.dim() == 3 && picture.numel() > 0 && (picture.size(2) == 3 || picture.size(2) == 4), where, name,
              "(H, W, 3) or (H, W, 4)", picture.sizes());
  check(picture.scalar_type() == at::kByte, where, name, "dtype uint8", at::toString(picture.scalar_type()));
}

// (H, W, 3 or 4) uint8 -> (1, 3, H, W) uint8, over white if there is an alpha channel that counts.
at::Tensor opaque(const at::Tensor& picture, bool drop_alpha) {
  const at::Tensor channels = picture.permute({2, 0, 1}).unsqueeze(0);
  const at::Tensor color = channels.narrow(1, 0, 3);
  if (picture.size(2) == 3 || drop_alpha) return color;
  const at::Tensor alpha = channels.narrow(1, 3, 1).to(at::kFloat) / white;
  return (color.to(at::kFloat) * alpha + white * (1.0 - alpha)).round().to(at::kByte);
}

void scale(VggtPlacement& placement, double x, double y) {
  placement = {placement.scale_x * x, placement.scale_y * y, placement.offset_x * x, placement.offset_y * y};
}

at::Tensor bicubic_to_bytes(const at::Tensor& pixels, std::int64_t height, std::int64_t width) {
  const at::Tensor resized = at::_upsample_bicubic2d_aa(pixels, {height, width}, /*align_corners=*/false);
  return resized.round().clamp(0.0, white);
}

// Bicubic with a low-pass where the picture shrinks, rounded to 8 bits after each of both directions, as Pillow does.
Placed bicubic(Placed from, std::int64_t height, std::int64_t width) {
  scale(from.placement, static_cast<double>(width) / static_cast<double>(from.width()),
        static_cast<double>(height) / static_cast<double>(from.height()));
  const at::Tensor wide = bicubic_to_bytes(from.pixels.to(at::kFloat), from.height(), width);
  from.pixels = bicubic_to_bytes(wide, height, width);
  return from;
}

Placed bilinear(Placed from, std::int64_t height, std::int64_t width) {
  scale(from.placement, static_cast<double>(width) / static_cast<double>(from.width()),
        static_cast<double>(height) / static_cast<double>(from.height()));
  from.pixels = at::upsample_bilinear2d(from.pixels.to(at::kFloat), {height, width}, /*align_corners=*/false);
  return from;
}

// The part that begins at (top, left).
Placed cut(Placed from, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width) {
  from.placement.offset_x -= static_cast<double>(left);
  from.placement.offset_y -= static_cast<double>(top);
  from.pixels = from.pixels.narrow(2, top, height).narrow(3, left, width);
  return from;
}

// With borders of one colour up to a size; an odd rest goes to the bottom and the right.
Placed bordered(Placed from, std::int64_t height, std::int64_t width, double color) {
  const std::int64_t top = (height - from.height()) / 2, left = (width - from.width()) / 2;
  from.placement.offset_x += static_cast<double>(left);
  from.placement.offset_y += static_cast<double>(top);
  from.pixels = at::constant_pad_nd(
      from.pixels, {left, width - from.width() - left, top, height - from.height() - top}, color);
  return from;
}

// What a side becomes when the other one becomes `side`: the nearest multiple of patch, halves to even.
std::int64_t fitted(std::int64_t length, std::int64_t other, std::int64_t side, std::int64_t patch) {
  const double scaled = static_cast<double>(length) * (static_cast<double>(side) / static_cast<double>(other));
  const auto patches = static_cast<std::int64_t>(std::nearbyint(scaled / static_cast<double>(patch)));
  check<ShapeError>(patches >= 1, where, "pictures", "a shorter side that does not vanish",
                    text_of(length, " beside ", other, " pixels"));
  return patches * patch;
}

Placed cropped(const Placed& picture, std::int64_t side, std::int64_t patch) {
  const Placed wide = bicubic(picture, fitted(picture.height(), picture.width(), side, patch), side);
  return wide.height() > side ? cut(wide, (wide.height() - side) / 2, 0, side, side) : wide;
}

Placed padded(const Placed& picture, std::int64_t side, std::int64_t patch) {
  const bool lying = picture.width() >= picture.height();
  const std::int64_t height = lying ? fitted(picture.height(), picture.width(), side, patch) : side;
  const std::int64_t width = lying ? side : fitted(picture.width(), picture.height(), side, patch);
  return bordered(bicubic(picture, height, width), side, side, white);
}

Placed squared(const Placed& picture, std::int64_t side) {
  const std::int64_t longer = std::max(picture.height(), picture.width());
  return bicubic(bordered(picture, longer, longer, 0.0), side, side);
}

Placed middle_square(const Placed& picture) {
  const std::int64_t shorter = std::min(picture.height(), picture.width());
  return cut(picture, (picture.height() - shorter) / 2, (picture.width() - shorter) / 2, shorter, shorter);
}

std::vector<Placed> as_released(std::vector<Placed> pictures, std::int64_t side) {
  std::int64_t largest = 0;
  for (Placed& picture : pictures) {
    picture = middle_square(picture);
    largest = std::max(largest, picture.width());
  }
  for (Placed& picture : pictures) {
    if (picture.width() < largest) picture = bilinear(std::move(picture), largest, largest);
    picture = bilinear(std::move(picture), side, side);
  }
  return pictures;
}

}  // namespace

VggtSizing vggt_sizing(std::string_view name) {
  if (name == "crop") return VggtSizing::crop;
  if (name == "pad") return VggtSizing::pad;
  if (name == "square") return VggtSizing::square;
  check(name == "release", "vggt::vggt_sizing", "sizing", "crop, pad, square or release", text_of('"', name, '"'));
  return VggtSizing::release;
}

VggtPictures vggt_pictures(const std::vector<at::Tensor>& pictures, VggtSizing sizing, std::int64_t side,
                           std::int64_t patch) {
  check<ShapeError>(!pictures.empty(), where, "pictures", "at least one", "none");
  check(side >= 1 && patch >= 1 && side % patch == 0, where, "side", text_of("a multiple of ", patch), side);
  std::vector<Placed> placed;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    check_picture(pictures[i], i);
    Placed picture{opaque(pictures[i], sizing == VggtSizing::release)};
    if (sizing == VggtSizing::crop) picture = cropped(picture, side, patch);
    if (sizing == VggtSizing::pad) picture = padded(picture, side, patch);
    if (sizing == VggtSizing::square) picture = squared(picture, side);
    placed.push_back(std::move(picture));
  }
  if (sizing == VggtSizing::release) placed = as_released(std::move(placed), side);

  std::int64_t height = 0, width = 0;
  for (const Placed& picture : placed) {
    height = std::max(height, picture.height());
    width = std::max(width, picture.width());
  }
  VggtPictures result;
  std::vector<at::Tensor> images;
  for (Placed& picture : placed) {
    picture = bordered(std::move(picture), height, width, white);
    images.push_back(picture.pixels.to(at::kFloat) / white);
    result.placements.push_back(picture.placement);
  }
  result.images = at::cat(images);
  return result;
}

at::Tensor intrinsics_of_pictures(const at::Tensor& intrinsics, const std::vector<VggtPlacement>& placements) {
  const auto count = static_cast<std::int64_t>(placements.size());
  check_shape(intrinsics.sizes() == at::IntArrayRef({count, 3, 3}), "vggt::intrinsics_of_pictures", "intrinsics",
              shape_text({count, 3, 3}), intrinsics.sizes());
  at::Tensor result = intrinsics.clone();
  for (std::int64_t i = 0; i < count; ++i) {
    const VggtPlacement& placement = placements[static_cast<std::size_t>(i)];
    const at::Tensor own = result[i];
    own.select(1, 2)[0] -= placement.offset_x;
    own.select(1, 2)[1] -= placement.offset_y;
    own[0] /= placement.scale_x;
    own[1] /= placement.scale_y;
  }
  return result;
}

}  // namespace action_images
