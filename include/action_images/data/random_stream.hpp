// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace action_images {

/// Random numbers that follow from a key alone: the same on every machine, whoever draws and in whatever order.
class RandomStream {
 public:
  explicit RandomStream(std::initializer_list<std::uint64_t> key) {
    for (const std::uint64_t part : key) state_ = mixed(state_ ^ mixed(part + golden));
  }

  /// 64 random bits: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
  std::uint64_t bits() { return mixed(state_ += golden); }

  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform among 0 .. count - 1, count >= 1; its bias is below count / 2^53.
  std::int64_t below(std::int64_t count) { return static_cast<std::int64_t>(uniform() * static_cast<double>(count)); }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;

  static constexpr std::uint64_t mixed(std::uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  std::uint64_t state_ = 0;
};

}  // namespace action_images
