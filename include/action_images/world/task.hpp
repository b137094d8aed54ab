// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <action_images/core/check.hpp>

namespace action_images {

/// What is given and what is generated. The first picture of every view is always given. Paper Sec. 3.3.
enum class Task {
  i2va,  ///< plan: pictures and an instruction -> video and action images
  a2v,   ///< simulate: pictures and actions -> video
  v2a,   ///< label: videos -> action images
  i2v,   ///< plain video: pictures and an instruction -> video, no action images
  i2a,   ///< plan without video: pictures and an instruction -> action images alone, from a shorter sequence
};

inline constexpr std::string_view task_names[] = {"i2va", "a2v", "v2a", "i2v", "i2a"};

inline std::string_view name_of(Task task) { return task_names[static_cast<int>(task)]; }

/// Whether an instruction is what the task follows; it has to be given then.
inline bool follows_text(Task task) { return task == Task::i2va || task == Task::i2v || task == Task::i2a; }

/// @throws ValueError unless the name is one of i2va, a2v, v2a, i2v, i2a.
inline Task task_from_name(std::string_view name) {
  for (const Task task : {Task::i2va, Task::a2v, Task::v2a, Task::i2v, Task::i2a}) {
    if (name == name_of(task)) return task;
  }
  throw ValueError(
      expected_text("world::task_from_name", "task", "i2va, a2v, v2a, i2v or i2a", text_of('"', printable(name), '"')));
}

}  // namespace action_images
