// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <action_images/codec/rig.hpp>
#include <action_images/core/check.hpp>

namespace action_images {

/// What to take of a calibration file, and what the files of datasets do not say.
struct RigFileOptions {
  int width = 0;                     ///< of the pictures [px]; 0: the file says it
  int height = 0;                    ///< the same
  std::size_t frames = 0;            ///< T of a rig that moves, a view's last camera serving from its end on; 0: all
  std::vector<std::string> views{};  ///< names of the views to take, in this order; empty: all
};

namespace detail {

inline constexpr std::size_t max_rig_views = 256;
inline constexpr std::size_t max_rig_cameras = std::size_t{1} << 18;  ///< views times frames

/// A view of a calibration file: one camera, or one of every frame.
struct NamedView {
  std::string name;
  std::vector<Camera> cameras;
};

inline bool same_camera(const Camera& a, const Camera& b) {
  return a.intrinsics() == b.intrinsics() && a.world_from_camera().matrix() == b.world_from_camera().matrix() &&
         a.distortion().model() == b.distortion().model() &&
         a.distortion().coefficients() == b.distortion().coefficients() && a.width() == b.width() &&
         a.height() == b.height();
}

/// The views with these names, in this order.
inline std::vector<NamedView> selected(const std::vector<NamedView>& views, const std::vector<std::string>& names,
                                       std::string_view where) {
  std::vector<NamedView> taken;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(views.begin(), views.end(), [&](const NamedView& view) { return view.name == name; });
    if (found == views.end()) {
      std::string known;
      for (const NamedView& view : views) known += (known.empty() ? "\"" : ", \"") + printable(view.name) + '"';
      throw ValueError(
          expected_text(where, "views", text_of("names among ", known), text_of('"', printable(name), '"')));
    }
    taken.push_back(*found);
  }
  return taken;
}

/// Rig of the views of a file, after the options.
/// @param name  of the field or file that holds the views, for messages.
/// @throws ValueError if the options ask for an unknown view; FormatError if the views do not fit together, or for more
/// than 2^18 cameras.
inline Rig rig_from_views(std::vector<NamedView> views, const RigFileOptions& options, std::string_view where,
                          const std::string& name) {
  if (!options.views.empty()) views = selected(views, options.views, where);
  std::size_t frames = 1;
  for (const NamedView& view : views) frames = std::max(frames, view.cameras.size());
  if (frames > 1 && options.frames > 0) frames = options.frames;
  check<FormatError>(views.size() <= max_rig_cameras / frames, where, name,
                     text_of("at most ", max_rig_cameras, " cameras"),
                     text_of(views.size(), " of ", frames, " frames"));
  for (NamedView& view : views) {
    const bool adapts = view.cameras.size() > 1 && options.frames > 0;
    if (adapts) view.cameras.resize(frames, Camera(view.cameras.back()));
  }
  std::vector<std::string> names;
  std::vector<std::vector<Camera>> cameras;
  for (NamedView& view : views) {
    names.push_back(std::move(view.name));
    cameras.push_back(std::move(view.cameras));
  }
  try {
    return Rig::moving(cameras).named(std::move(names));
  } catch (const ValueError& error) {
    throw FormatError(text_of('[', where, "] ", name, ": ", error.what()));
  }
}

}  // namespace detail

}  // namespace action_images
