// SPDX-License-Identifier: Apache-2.0
#include <action_images/train/schedule.hpp>

#include <initializer_list>

#include <doctest/doctest.h>

using namespace action_images;
using Shape = LearningRateOptions::Shape;

TEST_CASE("the learning rate rises linearly and stays, whatever the number of steps") {
  const LearningRateOptions options{.shape = Shape::constant, .warmup_steps = 4};
  for (const std::int64_t steps : {10, 1000}) {
    CHECK(learning_rate_scale(options, 0, steps) == doctest::Approx(0.25));
    CHECK(learning_rate_scale(options, 3, steps) == doctest::Approx(1.0));
    CHECK(learning_rate_scale(options, 9, steps) == doctest::Approx(1.0));
  }
}

TEST_CASE("a falling learning rate begins at one and ends near its final share") {
  for (const Shape shape : {Shape::linear, Shape::cosine}) {
    const LearningRateOptions options{.shape = shape, .warmup_steps = 1, .decay_from = 0.5, .final_scale = 0.1};
    CHECK(learning_rate_scale(options, 49, 100) == doctest::Approx(1.0));
    CHECK(learning_rate_scale(options, 50, 100) == doctest::Approx(1.0));
    CHECK(learning_rate_scale(options, 99, 100) == doctest::Approx(0.1).epsilon(0.1));
    double before = 1.0;
    for (int step = 50; step < 100; ++step) {
      const double scale = learning_rate_scale(options, step, 100);
      CHECK(scale <= before);
      before = scale;
    }
  }
  const LearningRateOptions cosine{.shape = Shape::cosine, .warmup_steps = 1, .final_scale = 0.0};
  CHECK(learning_rate_scale(cosine, 50, 100) == doctest::Approx(0.5));
}
