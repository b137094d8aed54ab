// SPDX-License-Identifier: Apache-2.0
// One process of the jobs of checkpoint_store_test: checkpoint_worker save|load|forever|killed FOLDER.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <ATen/ATen.h>

#include <action_images/core/check.hpp>
#include <action_images/train/checkpoint_store.hpp>

using namespace action_images;

namespace {

void require(bool condition, const std::string& sentence) {
  if (!condition) throw std::runtime_error(sentence);
}

// What a sharded run has at a step: a matrix in slices, a tensor that every process holds, states.
CheckpointContents contents_of(std::int64_t step, const ProcessGroup& group) {
  const at::Tensor matrix = at::arange(30, at::kFloat) + 100.0 * static_cast<double>(step);
  const std::int64_t part = (30 + group.size() - 1) / group.size();
  const std::int64_t start = std::min<std::int64_t>(group.rank() * part, 30),
                     stop = std::min<std::int64_t>(start + part, 30);
  CheckpointContents contents;
  contents.step = step;
  contents.tensors = {{"average", at::full({4, 2}, step, at::kDouble)}, {"steps", at::full({}, step, at::kLong)}};
  if (start < stop) contents.pieces = {{"master.w", {matrix.slice(0, start, stop), start, {10, 3}}}};
  contents.state = {{"step", step}};
  contents.rank_state = {{"rank", group.rank()}};
  return contents;
}

// All of a checkpoint belongs to its step.
void check_contents(const SavedCheckpoint& checkpoint) {
  const auto step = checkpoint.step();
  const at::Tensor matrix = at::arange(30, at::kFloat).view({10, 3}) + 100.0 * static_cast<double>(step);
  require(checkpoint.tensor("master.w").equal(matrix), "the matrix is that of the step");
  require(checkpoint.tensor("average").equal(at::full({4, 2}, step, at::kDouble)), "the average is that of the step");
  require(checkpoint.tensor("steps").item<std::int64_t>() == step, "the scalar is that of the step");
  require(checkpoint.state().at("step") == step, "the state is that of the step");
}

int save(const std::filesystem::path& folder) {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  CheckpointStore store(folder, group, {.shard_bytes = 64});
  for (std::int64_t step = 1; step <= 4; ++step) store.save(contents_of(step, group));
  store.wait();
  return 0;
}

int load(const std::filesystem::path& folder) {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  const auto checkpoint = CheckpointStore(folder, group).newest();
  require(checkpoint.has_value() && checkpoint->step() == 4, "the newest checkpoint is that of step 4");
  check_contents(*checkpoint);
  const CheckpointContents own = contents_of(4, group);
  for (const auto& [name, piece] : own.pieces) {
    require(checkpoint->range(name, piece.start, piece.start + piece.values.numel()).equal(piece.values),
            "ranges fit the new slices");
  }
  return 0;
}

int forever(const std::filesystem::path& folder) {
  const ProcessGroup group = ProcessGroup::from_environment({.backend = "gloo", .timeout = 60});
  CheckpointStore store(folder, group);
  for (std::int64_t step = 1;; ++step) {
    store.save(contents_of(step, group));
    store.wait();
    if (group.rank() == 0) std::cout << "saved " << step << std::endl;
  }
}

// Saves from `step` on and reports every one that is on the disk.
[[noreturn]] void save_until_killed(const std::filesystem::path& folder, std::int64_t step, int report) {
  const ProcessGroup group = ProcessGroup::alone();
  CheckpointStore store(folder, group, {.shard_bytes = 128});
  for (;; ++step) {
    store.save(contents_of(step, group));
    store.wait();
    if (::write(report, &step, sizeof(step)) != sizeof(step)) ::_exit(1);
  }
}

std::int64_t last_reported(int pipe, std::int64_t before) {
  std::int64_t step = before;
  while (::read(pipe, &step, sizeof(step)) == sizeof(step)) {
  }
  return step;
}

// 200 times: a child saves, is killed at a random moment, and what is there is loaded.
int killed(const std::filesystem::path& folder) {
  std::mt19937_64 random(7);
  std::chrono::nanoseconds window{};
  std::int64_t reported = 0, loaded = 0, kills = 0;
  std::vector<std::string> notices;
  CheckpointStore store(folder, ProcessGroup::alone(),
                        {.notice = [&](const std::string& text) { notices.push_back(text); }});
  for (; kills < 200; ++kills) {
    int ends[2];
    require(::pipe(ends) == 0, "a pipe");
    const pid_t child = ::fork();
    if (child == 0) save_until_killed(folder, loaded + 1, ends[1]);
    ::close(ends[1]);
    if (kills == 0) {
      // The first child is given the time for two checkpoints, of which the second says how long one takes here.
      require(::read(ends[0], &reported, sizeof(reported)) == sizeof(reported), "a first checkpoint");
      const auto start = std::chrono::steady_clock::now();
      require(::read(ends[0], &reported, sizeof(reported)) == sizeof(reported), "a second checkpoint");
      window = std::min<std::chrono::nanoseconds>(2 * (std::chrono::steady_clock::now() - start),
                                                  std::chrono::milliseconds(400));
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(random() % static_cast<std::uint64_t>(window.count())));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    reported = std::max(reported, last_reported(ends[0], reported));
    ::close(ends[0]);
    const auto newest = store.newest();
    require(newest.has_value(), text_of("something to load after kill ", kills));
    require(newest->step() >= reported, text_of("the step ", reported, " that was saved, and not ", newest->step()));
    check_contents(*newest);
    loaded = newest->step();
  }
  require(loaded > 2, "some children that got on");
  require(notices.empty(), notices.empty() ? "" : "no folder to pass over: " + notices.front());
  std::cout << kills << " kills, the last step is " << loaded << std::endl;
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::map<std::string, std::function<int(const std::filesystem::path&)>> tasks{
      {"save", save}, {"load", load}, {"forever", forever}, {"killed", killed}};
  try {
    require(count == 3, "expected a task and a folder");
    return tasks.at(words[1])(words[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
