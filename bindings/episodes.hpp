// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <action_images/data/mixture.hpp>

/// Between Python's objects and the layer data: whatever has `__len__` and `__getitem__` is a data set, and whatever
/// has `read` a source of frames. They are called from the threads of the loader, one at a time, under the GIL.
namespace action_images::binding {

using Bytes = pybind11::array_t<std::uint8_t, pybind11::array::c_style>;

/// The frames as an array (T, H, W, 3) that owns them: no copy.
Bytes array_from(VideoFrames frames);

/// A FrameSource, an array (T, H, W, 3) uint8, a path of a video, or an object with read(frames, height, width).
std::shared_ptr<const FrameSource> frames_from(const pybind11::object& object, std::string_view where);

/// An EpisodeSource, a spec for `open_episodes`, or an object with __len__ and __getitem__ that gives Episodes.
std::shared_ptr<const EpisodeSource> source_from(const pybind11::object& object, std::string_view where);

/// A text for `open_mixture`, or a list of pairs: what `source_from` takes, and its ratio.
std::vector<MixtureSource> mixture_from(const pybind11::object& object, std::string_view where,
                                        const std::string& root = "");

}  // namespace action_images::binding
