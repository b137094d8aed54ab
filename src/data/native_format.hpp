// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

/// Names in the library's own layout of data sets.
namespace action_images::native {

inline constexpr std::string_view dataset_format = "action-images-dataset";
inline constexpr std::string_view episode_format = "action-images-episode";
inline constexpr int version = 1;
inline constexpr std::int64_t max_episodes = 100'000'000;

/// What is there while a data set is being written, in place of dataset.json.
inline constexpr std::string_view unfinished_file = "writing.json";
inline constexpr std::string_view dataset_file = "dataset.json";
inline constexpr std::string_view episode_file = "episode.json";

inline std::filesystem::path episode_folder(const std::filesystem::path& dataset, std::int64_t index) {
  const std::string number = std::to_string(index);
  return dataset / "episodes" / (std::string(6 - std::min<std::size_t>(number.size(), 6), '0') + number);
}

}  // namespace action_images::native
