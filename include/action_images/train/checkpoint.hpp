// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <action_images/dist/sharding.hpp>
#include <action_images/tensor/tensor_map.hpp>

namespace action_images {

/// Consecutive values of a flattened tensor, whose rest lies with other processes.
struct TensorPiece {
  at::Tensor values;                ///< 1-D
  std::int64_t start = 0;           ///< of the first value in the flattened tensor
  std::vector<std::int64_t> shape;  ///< of the whole tensor
};

/// The slices of a Sharding (or what is sliced as they are, such as moments) as pieces, with `prefix` before their
/// names. Tensors of other shapes than the slices' are left out: they are whole.
std::map<std::string, TensorPiece> pieces_of(const TensorMap& slices, const std::map<std::string, ShardRange>& ranges,
                                             const std::string& prefix = {});

/// What is saved of a run.
struct CheckpointContents {
  std::int64_t step = 0;
  TensorMap tensors = {};                          ///< the same in every process
  std::map<std::string, TensorPiece> pieces = {};  ///< of this process; those of all processes make whole tensors
  nlohmann::json state = {};                       ///< of the run (scheduler, position in the data): rank 0's is kept
  nlohmann::json rank_state = {};                  ///< of this process (random state)
  std::optional<double> metric = {};               ///< for keep_best: rank 0's
};

/// A checkpoint on disk: a folder with state.json, safetensors files of every process that saved it, and manifest.json,
/// which lists them with their sizes and CRC-32 and says where each tensor lies. Opening it maps the files.
class SavedCheckpoint {
 public:
  /// Checks all but the checksums of the files.
  /// @throws FormatError naming the file and what is wrong with it.
  explicit SavedCheckpoint(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  std::int64_t step() const { return step_; }
  std::optional<double> metric() const { return metric_; }
  const nlohmann::json& state() const { return state_; }
  /// By rank of the processes that saved; their number may be another than now.
  const std::vector<nlohmann::json>& rank_states() const { return rank_states_; }

  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return entries_.count(name) > 0; }
  const std::vector<std::int64_t>& shape(const std::string& name) const;
  at::ScalarType dtype(const std::string& name) const;

  /// A whole tensor: mapped where it was saved in one piece, else put together in memory.
  /// @throws ValueError if there is none of that name; so does range().
  at::Tensor tensor(const std::string& name) const;
  /// The values [start, stop) of the flattened tensor, 1-D: what a process needs when their number has changed.
  at::Tensor range(const std::string& name, std::int64_t start, std::int64_t stop) const;
  /// All tensors whose name starts with `prefix`, without it.
  TensorMap tensors(const std::string& prefix = {}) const;

  /// Writes the tensors whose name starts with `prefix`, without it, into one safetensors file, one after the other.
  /// @param dtype  of floating-point tensors; none: as they are.
  void export_safetensors(const std::filesystem::path& path, const std::string& prefix = {},
                          std::optional<at::ScalarType> dtype = {}) const;

 private:
  struct Piece {
    std::int64_t start;
    std::int64_t stop;
    at::Tensor values;  // mapped, 1-D
  };
  struct Entry {
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
    std::vector<Piece> pieces;  // in order, without gaps
  };
  const Entry& entry(const std::string& name) const;

  std::filesystem::path folder_;
  std::int64_t step_ = 0;
  std::optional<double> metric_;
  nlohmann::json state_;
  std::vector<nlohmann::json> rank_states_;
  std::map<std::string, Entry> entries_;
};

}  // namespace action_images
