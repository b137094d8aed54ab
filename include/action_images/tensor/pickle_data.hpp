// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace action_images {

class Pickle;

/// One value of a pickle of plain data; others are named by their index in `PickleData`.
struct PickledValue {
  enum class Kind { none, boolean, integer, real, text, bytes, list, dict, array, object };
  using Index = std::uint32_t;

  Kind kind = Kind::none;
  std::int64_t integer = 0;  ///< boolean: 0 or 1
  double real = 0;
  std::string_view text = {};            ///< text, bytes; array: its elements; alive as long as the PickleData
  std::string name = {};                 ///< object: its class, "rlbench.demo.Demo"; array: numpy's dtype, "<f8"
  std::vector<std::int64_t> shape = {};  ///< array; of a numpy scalar empty
  bool column_major = false;             ///< array: in Fortran's order
  std::vector<Index> items = {};         ///< list, tuple, array of objects; dict: key, value, ...; object: state, if any
};

struct PickleDataOptions {
  std::vector<std::string> classes = {};  ///< whose objects may occur, as "rlbench.demo.Demo"
  std::uint64_t offset = 0;               ///< where in the file the pickle begins [byte]
  std::uint64_t largest = 4ULL << 30;     ///< longest pickle [byte]
};

/// Plain data that Python pickled, protocols 2 to 5: None, truth values, numbers, texts, bytes, lists, tuples, dicts,
/// arrays and scalars of numpy, and objects of named classes, of which only the attributes are read. Nothing is
/// imported or called. Values stand in an order in which everything comes after what it holds, so that no cycle can
/// occur and what the pickle shares is there once.
class PickleData {
 public:
  /// @throws FormatError on anything else, a cycle, an array whose size is not its shape's, more than four million
  ///         values, or a pickle above `options.largest`.
  explicit PickleData(const std::filesystem::path& path, const PickleDataOptions& options = {});

  /// Of bytes in memory, which may go away afterwards. `options.offset` counts in them.
  PickleData(std::span<const std::uint8_t> bytes, const std::string& name, const PickleDataOptions& options = {});

  /// The last one is the pickled value.
  const std::vector<PickledValue>& values() const { return values_; }

 private:
  void read(std::span<const std::uint8_t> bytes, const std::string& name, const PickleDataOptions& options);

  std::shared_ptr<const Pickle> pickle_;  // owns the texts
  std::vector<PickledValue> values_;
};

}  // namespace action_images
