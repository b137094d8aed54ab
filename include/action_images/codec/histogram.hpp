// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <action_images/codec/array.hpp>

namespace action_images {

/// Response in [0, 1] of a pixel value.
template <PixelType Pixel>
float response_of(Pixel value) {
  if constexpr (std::is_same_v<Pixel, float>) return value;
  return static_cast<float>(value) * (1.0F / 255.0F);
}

/// Asks for the memory at `address`, which need not exist, before it is read.
inline void prefetch([[maybe_unused]] const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#endif
}

/// Counts and sums of responses in 256 equal classes of [0, 1].
class ResponseHistogram {
 public:
  static constexpr std::size_t classes = 256;

  template <PixelType Pixel>
  void add(Pixel value) {
    if constexpr (std::is_same_v<Pixel, float>) {
      const float response = std::clamp(value, 0.0F, 1.0F);
      const auto index = static_cast<std::size_t>(response * 255.0F + 0.5F);
      ++counts_[index];
      sums_[index] += response;
    } else {
      add(value, 1);
    }
  }

  /// Adds `count` pixels of one value.
  void add(std::uint8_t value, std::uint64_t count) {
    counts_[value] += count;
    sums_[value] += value * static_cast<double>(count) / 255.0;
  }

  void add(const ResponseHistogram& other) {
    for (std::size_t i = 0; i < classes; ++i) {
      counts_[i] += other.counts_[i];
      sums_[i] += other.sums_[i];
    }
  }

  struct Level {
    double mean = 0.0;   ///< of the middle of the responses
    double share = 0.0;  ///< of all responses that are close to it
  };

  /// The prevailing response among those below `limit`: the mean of their middle half, robust against outliers. Where
  /// noise was cut off at 0, as much is left out at the upper end, so that it is not mistaken for brightness.
  /// nullopt if nothing lies below.
  std::optional<Level> level_below(double limit) const {
    const auto end = static_cast<std::size_t>(std::clamp(limit, 0.0, 1.0) * 255.0 + 0.5);
    const auto below = static_cast<double>(count(0, end));
    if (below == 0.0) return std::nullopt;
    const double dark = static_cast<double>(counts_[0]) / below;
    const double tail = std::max(0.25, dark);
    const double mean = dark < 0.499 ? mean_between(tail * below, (1.0 - tail) * below) : sums_[0] / (dark * below);
    return Level{mean, share_around(mean)};
  }

 private:
  /// Mean of the responses whose ranks lie in [begin, end).
  double mean_between(double begin, double end) const {
    double sum = 0.0;
    double passed = 0.0;
    for (std::size_t i = 0; i < classes && passed < end; ++i) {
      const auto size = static_cast<double>(counts_[i]);
      const double inside = std::min(passed + size, end) - std::max(passed, begin);
      if (inside > 0.0) sum += inside * sums_[i] / size;
      passed += size;
    }
    return sum / (end - begin);
  }

  double share_around(double level) const {
    constexpr std::size_t reach = 15;
    const auto middle = static_cast<std::size_t>(std::clamp(level, 0.0, 1.0) * 255.0 + 0.5);
    const std::uint64_t close = count(middle - std::min(middle, reach), std::min(middle + reach + 1, classes));
    return static_cast<double>(close) / static_cast<double>(count(0, classes));
  }

  std::uint64_t count(std::size_t begin, std::size_t end) const {
    std::uint64_t total = 0;
    for (std::size_t i = begin; i < end; ++i) total += counts_[i];
    return total;
  }

  std::array<std::uint64_t, classes> counts_{};
  std::array<double, classes> sums_{};
};

}  // namespace action_images
