// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <action_images/dist/process_group.hpp>
#include <action_images/train/checkpoint.hpp>

namespace action_images {

struct CheckpointStoreOptions {
  std::int64_t keep_last = 2;  ///< checkpoints that stay beside better ones; 0: all
  std::int64_t keep_best = 0;  ///< of those with the best metric
  bool lower_is_better = true;
  std::uint64_t shard_bytes = std::uint64_t{4} << 30;  ///< of one file [byte]; a larger tensor has a file of its own
  bool asynchronous = true;                            ///< save() returns when everything is copied to host memory
  /// Told, in rank 0, of folders that are passed over and why, and of what could not be tidied up. None: stderr.
  std::function<void(const std::string&)> notice = {};
};

/// The checkpoints of a run, in folders `checkpoint-<step>` that all processes see.
///
/// A folder takes its name when everything in it is on the disk, so that whatever kills a process leaves the older
/// checkpoints and nothing that looks like a newer one. All processes call the same functions in the same order.
class CheckpointStore {
 public:
  /// @param folder  made when the first checkpoint is saved; what a killed run left half written is removed then.
  CheckpointStore(const std::filesystem::path& folder, const ProcessGroup& group,
                  const CheckpointStoreOptions& options = {});
  /// Waits for what is being written; an error is then told to `notice`.
  ~CheckpointStore();

  /// Saves; one of the same step is replaced. With `asynchronous` a thread writes, after the one before has ended.
  /// @throws ValueError for a negative step or tensors that do not fit together; FormatError or DistributedError, the
  ///         same in every process, if this one or (asynchronous) the one before could not be written.
  void save(const CheckpointContents& contents);

  /// Waits for the checkpoint that is being written.  @throws as save().
  void wait();

  /// The checkpoint of the highest step that is complete and whose checksums are right; the same in every process, each
  /// of which reads a share of the files for that. None: there is none.
  std::optional<SavedCheckpoint> newest();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace action_images
