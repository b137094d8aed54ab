// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/checkpoint_store.hpp>

#include <algorithm>
#include <fstream>

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <doctest/doctest.h>

#include <action_images/core/error.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "../dist/jobs.hpp"

using namespace action_images;
using namespace action_images::testing;

namespace {

CheckpointContents contents_of(std::int64_t step, std::optional<double> metric = {}) {
  CheckpointContents contents;
  contents.step = step;
  contents.tensors = {{"model.w", at::full({3, 2}, step, at::kFloat)},
                      {"model.b", at::full({2}, step, at::kBFloat16)},
                      {"optimizer.steps", at::full({}, step, at::kLong)}};
  contents.state = {{"epoch", step}};
  contents.rank_state = "random numbers";
  contents.metric = metric;
  return contents;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void change_byte(const fs::path& file, std::streamoff from_end) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(-from_end, std::ios::end);
  const char old = static_cast<char>(stream.peek());
  stream.seekp(-from_end, std::ios::end);
  stream.put(static_cast<char>(old ^ 1));
}

CheckpointStore store_in(const fs::path& folder, std::vector<std::string>& notices,
                         CheckpointStoreOptions options = {}) {
  options.notice = [&notices](const std::string& text) { notices.push_back(text); };
  return CheckpointStore(folder, ProcessGroup::alone(), options);
}

void run_job(int processes, const std::string& task, const fs::path& folder) {
  const Folder logs("checkpoint_logs");
  Job job(processes, ACTION_IMAGES_CHECKPOINT_WORKER, {task, folder.string()}, logs.path);
  for (int rank = 0; rank < processes; ++rank) {
    const int code = job.wait(rank, 300);
    CHECK_MESSAGE(code == 0, task << ", rank " << rank << " of " << processes << ": " << job.all_output(rank));
  }
}

}  // namespace

TEST_CASE("what is saved is loaded, and the folder holds nothing else") {
  const Folder folder("checkpoints");
  for (const bool asynchronous : {false, true}) {
    CheckpointStore store(folder.path, ProcessGroup::alone(), {.asynchronous = asynchronous});
    store.save(contents_of(7, 0.5));
    const auto checkpoint = store.newest();
    REQUIRE(checkpoint.has_value());
    CHECK(checkpoint->step() == 7);
    CHECK(checkpoint->metric() == 0.5);
    CHECK(checkpoint->state() == nlohmann::json{{"epoch", 7}});
    CHECK(checkpoint->rank_states() == std::vector<nlohmann::json>{"random numbers"});
    CHECK(checkpoint->names() == std::vector<std::string>{"model.b", "model.w", "optimizer.steps"});
    for (const auto& [name, tensor] : contents_of(7).tensors) {
      CHECK(checkpoint->tensor(name).equal(tensor));
      CHECK((checkpoint->dtype(name) == tensor.scalar_type()));
    }
    CHECK(checkpoint->tensors("model.").size() == 2);
    CHECK(checkpoint->range("model.w", 1, 3).equal(at::full({2}, 7.0F)));
    CHECK_THROWS_AS(checkpoint->range("model.w", 1, 7), ValueError);
    CHECK_THROWS_AS(checkpoint->tensor("model.c"), ValueError);
  }
  CHECK(names_in(folder.path) == std::vector<std::string>{"checkpoint-7"});
  CHECK(names_in(folder.path / "checkpoint-7") ==
        std::vector<std::string>{"manifest.json", "rank-00000.safetensors", "state.json"});
}

TEST_CASE("a folder without checkpoints has no newest one") {
  const Folder folder("checkpoints");
  CHECK_FALSE(CheckpointStore(folder.path / "absent", ProcessGroup::alone()).newest().has_value());
}

TEST_CASE("an asynchronous save keeps the values of its moment") {
  const Folder folder("checkpoints");
  CheckpointStore store(folder.path, ProcessGroup::alone());
  CheckpointContents contents = contents_of(1);
  store.save(contents);
  contents.tensors.at("model.w").fill_(99);
  CHECK(store.newest()->tensor("model.w").equal(at::full({3, 2}, 1.0F)));
}

TEST_CASE("the last and the best are kept, whichever is best") {
  const Folder folder("checkpoints");
  const std::vector<double> metrics{3, 1, 5, 2, 4};
  for (const bool lower : {true, false}) {
    fs::remove_all(folder.path);
    CheckpointStore store(folder.path, ProcessGroup::alone(),
                          {.keep_last = 1, .keep_best = 1, .lower_is_better = lower});
    for (std::size_t i = 0; i < metrics.size(); ++i)
      store.save(contents_of(static_cast<std::int64_t>(i) + 1, metrics[i]));
    store.wait();
    CHECK(names_in(folder.path) == std::vector<std::string>{lower ? "checkpoint-2" : "checkpoint-3", "checkpoint-5"});
  }
}

TEST_CASE("all are kept where that is asked for, and one of the same step is replaced") {
  const Folder folder("checkpoints");
  CheckpointStore store(folder.path, ProcessGroup::alone(), {.keep_last = 0});
  for (std::int64_t step : {1, 2, 10, 10}) store.save(contents_of(step));
  CheckpointContents other = contents_of(10);
  other.state = "other";
  store.save(other);
  CHECK(store.newest()->state() == "other");
  CHECK(names_in(folder.path) == std::vector<std::string>{"checkpoint-1", "checkpoint-10", "checkpoint-2"});
}

TEST_CASE("a damaged or incomplete checkpoint is passed over, with the file and what is wrong") {
  const Folder folder("checkpoints");
  const fs::path newer = folder.path / "checkpoint-2";
  const std::vector<std::pair<std::string, std::function<void()>>> damages{
      {"rank-00000.safetensors: expected", [&] { change_byte(newer / "rank-00000.safetensors", 1); }},
      {"rank-00000.safetensors: expected", [&] { fs::resize_file(newer / "rank-00000.safetensors", 40); }},
      {"rank-00000.safetensors: expected", [&] { fs::remove(newer / "rank-00000.safetensors"); }},
      {"state.json: expected", [&] { change_byte(newer / "state.json", 5); }},
      {"manifest.json: expected", [&] { change_byte(newer / "manifest.json", 60); }},
      {"manifest.json: expected", [&] { fs::resize_file(newer / "manifest.json", 100); }},
      {"manifest.json: expected", [&] { fs::remove(newer / "manifest.json"); }},
  };
  for (const auto& [text, damage] : damages) {
    std::vector<std::string> notices;
    CheckpointStore store = store_in(folder.path, notices);
    store.save(contents_of(1));
    store.save(contents_of(2));
    store.wait();
    damage();
    const auto checkpoint = store.newest();
    REQUIRE(checkpoint.has_value());
    CHECK(checkpoint->step() == 1);
    REQUIRE(notices.size() == 1);
    CHECK_MESSAGE(notices[0].find("passing over " + newer.string()) == 0, notices[0]);
    CHECK_MESSAGE(notices[0].find(text) != std::string::npos, notices[0]);
  }
}

TEST_CASE("a damaged newer checkpoint does not push out the good one") {
  const Folder folder("checkpoints");
  std::vector<std::string> notices;
  CheckpointStore store = store_in(folder.path, notices, {.keep_last = 1});
  store.save(contents_of(5));
  store.wait();
  fs::create_directories(folder.path / "checkpoint-100");
  fs::create_directories(folder.path / "checkpoint-4");
  store.save(contents_of(6));
  CHECK(store.newest()->step() == 6);
  CHECK(names_in(folder.path) == std::vector<std::string>{"checkpoint-100", "checkpoint-6"});
}

TEST_CASE("what cannot be written is said at the next call, and what a killed run left goes") {
  const Folder folder("checkpoints");
  std::ofstream(folder.path / "file") << "x";
  CheckpointStore store(folder.path / "file" / "below", ProcessGroup::alone());
  store.save(contents_of(1));
  CHECK_THROWS_AS(store.wait(), FormatError);
  CHECK_NOTHROW(store.wait());

  fs::create_directories(folder.path / "partial-3");
  fs::create_directories(folder.path / "removed-checkpoint-1");
  CheckpointStore(folder.path, ProcessGroup::alone()).save(contents_of(4));
  CHECK(names_in(folder.path) == std::vector<std::string>{"checkpoint-4", "file"});
}

TEST_CASE("pieces that make no whole tensor are refused, and nothing of them stays") {
  const Folder folder("checkpoints");
  CheckpointStore store(folder.path, ProcessGroup::alone(), {.asynchronous = false});
  CheckpointContents contents;
  contents.pieces = {{"w", {at::ones({4}), 1, {5}}}};
  CHECK_THROWS_WITH_AS(store.save(contents), doctest::Contains("w in pieces of one dtype without gaps"), FormatError);
  contents.pieces = {{"w", {at::ones({4}), 0, {5}}}};
  CHECK_THROWS_WITH_AS(store.save(contents), doctest::Contains("w whole, of shape (5,)"), FormatError);
  contents.tensors = {{"w", at::ones({5})}};
  CHECK_THROWS_AS(store.save(contents), ValueError);
  CHECK_THROWS_AS(store.save(contents_of(-1)), ValueError);
  CHECK(names_in(folder.path).empty());
}

TEST_CASE("large checkpoints are split by size, and exported as one file") {
  const Folder folder("checkpoints");
  CheckpointStore store(folder.path, ProcessGroup::alone(), {.shard_bytes = 16});
  store.save(contents_of(3));
  const auto checkpoint = store.newest();
  REQUIRE(checkpoint.has_value());
  CHECK(names_in(folder.path / "checkpoint-3").size() >= 5);
  CHECK(checkpoint->tensor("model.w").equal(at::full({3, 2}, 3.0F)));
  checkpoint->export_safetensors(folder.path / "model.safetensors", "model.", at::kHalf);
  const TensorMap exported = load_safetensors(folder.path / "model.safetensors");
  CHECK(exported.size() == 2);
  CHECK(exported.at("w").equal(at::full({3, 2}, 3, at::kHalf)));
  CHECK_THROWS_AS(checkpoint->export_safetensors(folder.path / "none.safetensors", "absent."), ValueError);
}

TEST_CASE("slices of a sharded run become pieces, and what is not sliced does not") {
  const std::map<std::string, ShardRange> ranges{{"w", {2, 5, {3, 3}}}};
  const auto pieces = pieces_of({{"w", at::ones({3})}, {"steps", at::ones({})}}, ranges, "moment.");
  REQUIRE(pieces.size() == 1);
  CHECK(pieces.at("moment.w").start == 2);
  CHECK(pieces.at("moment.w").shape == std::vector<std::int64_t>{3, 3});
}

TEST_CASE("a checkpoint of 2 processes is loaded by 1, 2 and 4, and one of 4 by 3") {
  const Folder folder("checkpoints");
  run_job(2, "save", folder.path);
  for (const int processes : {1, 2, 4}) run_job(processes, "load", folder.path);
  CHECK(names_in(folder.path) == std::vector<std::string>{"checkpoint-3", "checkpoint-4"});
  run_job(4, "save", folder.path);
  run_job(3, "load", folder.path);
}

TEST_CASE("whenever a saving process is killed, what is there can be loaded") {
  const Folder folder("checkpoints");
  run_job(1, "killed", folder.path);
}

TEST_CASE("whenever one of two saving processes is killed, what is there can be loaded") {
  const Folder folder("checkpoints"), logs("checkpoint_logs");
  for (const int victim : {0, 1}) {
    Job job(2, ACTION_IMAGES_CHECKPOINT_WORKER, {"forever", folder.path.string()}, logs.path);
    REQUIRE_MESSAGE(job.printed(0, "saved 3"), job.all_output(0) << job.all_output(1));
    job.signal(victim, SIGKILL);
    job.signal(1 - victim, SIGKILL);
    job.wait(0);
    job.wait(1);
    std::vector<std::string> notices;
    const auto checkpoint = store_in(folder.path, notices).newest();
    REQUIRE(checkpoint.has_value());
    CHECK(checkpoint->step() >= 3);
    CHECK(checkpoint->tensor("steps").item<std::int64_t>() == checkpoint->step());
    CHECK(notices.empty());
  }
}
