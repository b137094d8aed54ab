// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/picture.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>
#include <Eigen/Geometry>

using namespace action_images;

namespace {

struct Blob {
  Eigen::Vector2d index{0.0, 0.0};
  double height = 1.0;
  double sigma_x = 8.0;
  double sigma_y = 8.0;

  double at(double x, double y) const {
    const double u = (x - index.x()) / sigma_x;
    const double v = (y - index.y()) / sigma_y;
    return height * std::exp(-0.5 * (u * u + v * v));
  }
};

/// How a picture of one channel is spoilt; noise in grey levels.
struct Flaws {
  double noise = 0.0;
  double cut = 10.0;         ///< responses above become this
  double gain = 1.0;         ///< then
  double ramp = 0.0;         ///< from left to right
  double background = -1.0;  ///< where the response is at most 0.25, if not negative
};

struct Picture {
  std::size_t height;
  std::size_t width;
  std::vector<std::uint8_t> values;

  PictureReading read(double sigma) const {
    static PictureWorkspace workspace;
    return read_picture(ImagesView<const std::uint8_t>{values.data(), 1, 1, height, width}, sigma,
                        layout_of(Convention::release), workspace);
  }
};

class Painter {
 public:
  explicit Painter(std::size_t height = 160, std::size_t width = 200) : height_(height), width_(width) {}

  Picture paint(const std::vector<Blob>& blobs, const Flaws& flaws, std::size_t channel = 0) {
    Picture picture{height_, width_, std::vector<std::uint8_t>(height_ * width_ * 3)};
    for (std::size_t i = 0; i < height_ * width_; ++i) {
      const auto x = static_cast<double>(i % width_);
      double response = 0.0;
      for (const Blob& blob : blobs) response = std::max(response, blob.at(x, static_cast<double>(i / width_)));
      response = std::min(response, flaws.cut) * flaws.gain;
      if (flaws.background >= 0.0 && response <= 0.25) response = flaws.background;
      response += flaws.ramp * x / static_cast<double>(width_);
      const double value = std::round(255.0 * response + (flaws.noise > 0.0 ? flaws.noise * normal_(random_) : 0.0));
      picture.values[3 * i + channel] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
    return picture;
  }

  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }

 private:
  std::size_t height_;
  std::size_t width_;
  std::mt19937 random_{7};
  std::normal_distribution<double> normal_;
};

/// Means over pictures with one blob each.
struct Trials {
  double error = 0.0;   ///< [px]
  double square = 0.0;  ///< e^T C^-1 e, 2 if the covariance is honest
  double height = 0.0;
  double sigma = 0.0;
  double score = 0.0;
};

Trials run_trials(const Blob& shape, const Flaws& flaws, std::size_t channel, const Eigen::AlignedBox2d& places) {
  constexpr int count = 60;
  Painter painter;
  Trials trials;
  for (int i = 0; i < count; ++i) {
    Blob blob = shape;
    blob.index = {painter.uniform(places.min().x(), places.max().x()),
                  painter.uniform(places.min().y(), places.max().y())};
    const Peaks peaks =
        painter.paint({blob}, flaws, channel).read(8.0).peaks[channel == 0 ? 0 : (channel == 1 ? 2 : 1)];
    REQUIRE(peaks.size() == 1);
    const Eigen::Vector2d error = peaks.front().index - blob.index;
    trials.error += error.norm() / count;
    trials.square += error.dot(peaks.front().covariance.inverse() * error) / count;
    trials.height += peaks.front().height / count;
    trials.sigma += peaks.front().sigma / count;
    trials.score += peaks.front().score / count;
  }
  return trials;
}

const Eigen::AlignedBox2d inside{Eigen::Vector2d(30, 30), Eigen::Vector2d(170, 130)};

void check_honest(const Trials& trials) {
  CHECK(trials.square > 0.5);
  CHECK(trials.square < 4.0);
}

}  // namespace

TEST_CASE("a peak is found to hundredths of a pixel, in every channel, with an honest covariance") {
  for (const std::size_t channel : {0U, 1U, 2U}) {
    const double background = channel == 2 ? 0.2 : -1.0;
    CAPTURE(channel);
    const Trials exact = run_trials({}, {.background = background}, channel, inside);
    CHECK(exact.error < 0.003);
    CHECK(exact.score > 0.99);
    CHECK(exact.sigma == doctest::Approx(8.0).epsilon(0.002));
    check_honest(exact);
    for (const double noise : {2.0, 8.0}) {
      CAPTURE(noise);
      const Trials noisy = run_trials({}, {.noise = noise, .background = background}, channel, inside);
      CHECK(noisy.error < 0.008 * noise);
      check_honest(noisy);
    }
  }
}

TEST_CASE("wide, narrow and weak blobs are measured, with a lower score") {
  const Trials wide = run_trials({.sigma_x = 16, .sigma_y = 16}, {.noise = 2}, 0, inside);
  CHECK(wide.sigma == doctest::Approx(16.0).epsilon(0.02));
  CHECK(wide.score < 0.7);
  check_honest(wide);
  const Trials narrow = run_trials({.sigma_x = 4.8, .sigma_y = 4.8}, {.noise = 2}, 0, inside);
  CHECK(narrow.sigma == doctest::Approx(4.8).epsilon(0.01));
  check_honest(narrow);
  const Trials weak = run_trials({.height = 0.3}, {.noise = 2}, 0, inside);
  CHECK(weak.height == doctest::Approx(0.3).epsilon(0.02));
  CHECK(weak.score < 0.6);
  check_honest(weak);
}

TEST_CASE("a blob that the border cuts is placed, even if its middle is outside") {
  for (const double noise : {2.0, 8.0}) {
    const Trials left = run_trials({}, {.noise = noise}, 0, {Eigen::Vector2d(-8, 30), Eigen::Vector2d(0, 130)});
    CHECK(left.error < 0.1 * noise);
    CHECK(left.score < 0.9);
    check_honest(left);
    check_honest(run_trials({}, {.noise = noise}, 2, {Eigen::Vector2d(30, 150), Eigen::Vector2d(170, 163)}));
  }
}

TEST_CASE("a saturated blob is fitted on its flanks") {
  const Trials flat = run_trials({}, {.noise = 1, .cut = 0.6}, 0, inside);
  CHECK(flat.height == doctest::Approx(1.0).epsilon(0.03));
  check_honest(flat);
  const Trials white = run_trials({}, {.noise = 2, .cut = 0.6, .gain = 1.0 / 0.6}, 1, inside);
  CHECK(white.height == doctest::Approx(1.0 / 0.6).epsilon(0.02));
  CHECK(white.error < 0.03);
  check_honest(white);
}

TEST_CASE("an elliptical blob and one on a sloping background are not pulled aside") {
  CHECK(run_trials({.sigma_y = 11}, {.noise = 2}, 0, inside).error < 0.1);
  const Trials ramp = run_trials({}, {.noise = 2, .ramp = 0.1}, 0, inside);
  CHECK(ramp.error < 0.04);
}

TEST_CASE("a doubled blob gives two candidates, the stronger one first") {
  for (const double ghost : {0.5, 0.7, 0.9}) {
    for (const double distance : {2.0, 2.5, 3.0, 5.0}) {
      if (ghost < 0.6 && distance < 2.5) continue;
      CAPTURE(ghost);
      CAPTURE(distance);
      const Blob first{{70.3, 80.6}};
      const Blob second{{70.3 + 8.0 * distance * 0.8, 80.6 - 8.0 * distance * 0.6}, ghost};
      const Peaks peaks = Painter().paint({first, second}, {.noise = 2}).read(8.0).peaks[0];
      REQUIRE(peaks.size() >= 2);
      const auto nearest = [&](const Blob& blob) {
        double best = 1e9;
        for (const Peak& peak : peaks) best = std::min(best, (peak.index - blob.index).norm());
        return best;
      };
      if (distance > 2.5) CHECK((peaks.front().index - first.index).norm() < 0.1);
      CHECK(nearest(first) < 0.2);
      CHECK(nearest(second) < 0.5);
    }
  }
}

TEST_CASE("noise, a ramp or a bright background is no peak") {
  for (const double noise : {0.0, 8.0, 20.0}) {
    for (const double background : {0.0, 0.12, 0.25}) {
      Painter painter(512, 512);
      CHECK(painter.paint({}, {.noise = noise, .background = background}, 2).read(25.6).peaks[1].empty());
      CHECK(painter.paint({}, {.noise = noise, .ramp = 0.1}, 0).read(25.6).peaks[0].empty());
    }
  }
}

TEST_CASE("sizes from 16 x 24 up, blobs from 0.8 px up, are read without bias") {
  const struct {
    std::size_t height, width;
    double sigma, error;
  } cases[] = {{16, 24, 0.8, 0.01},     {16, 24, 2.0, 0.01},    {64, 64, 3.2, 0.005},   {240, 100, 12.0, 0.005},
               {512, 512, 25.6, 0.005}, {360, 640, 60.0, 0.03}, {1080, 700, 200.0, 0.2}};
  for (const auto& c : cases) {
    CAPTURE(c.sigma);
    Painter painter(c.height, c.width);
    Eigen::Vector2d bias = Eigen::Vector2d::Zero();
    constexpr int count = 4;
    for (int i = 0; i < count; ++i) {
      const Blob blob{{painter.uniform(0.4, 0.6) * static_cast<double>(c.width),
                       painter.uniform(0.4, 0.6) * static_cast<double>(c.height)},
                      1.0,
                      c.sigma,
                      c.sigma};
      const Peaks peaks = painter.paint({blob}, {}).read(c.sigma).peaks[0];
      REQUIRE(peaks.size() == 1);
      bias += (peaks.front().index - blob.index) / count;
    }
    CHECK(bias.norm() < c.error);
  }
}

TEST_CASE("the level of the blue background is read under noise, also where it is black") {
  for (const double openness : {0.0, 0.02, 0.3, 0.5, 0.77, 1.0}) {
    for (const double noise : {0.0, 2.0, 8.0}) {
      CAPTURE(openness);
      CAPTURE(noise);
      const Picture picture =
          Painter(512, 512).paint({{{250, 260}, 1.0, 25.6, 25.6}}, {.noise = noise, .background = 0.25 * openness}, 2);
      const auto level = picture.read(25.6).blue.level_below(1.5 * background_level);
      REQUIRE(level);
      CHECK(std::abs(level->mean / background_level - openness) < 0.015);
    }
  }
}
