// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include <Eigen/Core>

namespace action_images {

/// A blob of one channel.
struct Peak {
  Eigen::Vector2d index;       ///< index coordinates (column, row) of the maximum, sub-pixel [px]
  Eigen::Matrix2d covariance;  ///< of `index` [px^2]
  double height = 0.0;         ///< response at the maximum, above the background that was subtracted
  double sigma = 0.0;          ///< fitted standard deviation [px]
  double noise = 0.0;          ///< root mean square of the residuals of the fit (response)
  double score = 0.0;          ///< how much it looks like a drawn Gaussian, 0..1: height, width, noise, share inside
};

/// The blobs of one channel, best first; no memory of its own.
class Peaks {
 public:
  static constexpr std::size_t capacity = 3;

  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == capacity; }
  std::size_t size() const { return size_; }
  const Peak& operator[](std::size_t i) const { return peaks_[i]; }
  Peak& operator[](std::size_t i) { return peaks_[i]; }
  const Peak& front() const { return peaks_[0]; }
  const Peak* begin() const { return peaks_.data(); }
  const Peak* end() const { return peaks_.data() + size_; }
  Peak* begin() { return peaks_.data(); }
  Peak* end() { return peaks_.data() + size_; }

  /// Puts a peak behind those of at least its rank; the last one makes room if need be.
  void insert(const Peak& peak) {
    std::size_t place = std::min(size_, capacity - 1);
    if (full() && !(rank(peak) > rank(peaks_[place]))) return;
    for (; place > 0 && rank(peak) > rank(peaks_[place - 1]); --place) peaks_[place] = peaks_[place - 1];
    peaks_[place] = peak;
    size_ = std::min(size_ + 1, capacity);
  }

 private:
  static double rank(const Peak& peak) { return peak.score * std::min(1.0, peak.height); }

  std::array<Peak, capacity> peaks_;
  std::size_t size_ = 0;
};

}  // namespace action_images
