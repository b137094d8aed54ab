// SPDX-License-Identifier: Apache-2.0
#include <action_images/core/parallel.hpp>

#include <cstddef>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

using namespace action_images;

TEST_CASE("every task is done once, on any number of threads") {
  for (const std::size_t threads : {1, 2, 7}) {
    std::vector<int> done(100);
    parallel_for(done.size(), threads, [&](std::size_t task, std::size_t thread) {
      ++done[task];
      if (thread >= threads) throw std::logic_error("no such thread");
    });
    CHECK(done == std::vector<int>(100, 1));
  }
}

TEST_CASE("the caller gets the exception of a task") {
  const auto task = [](std::size_t index, std::size_t) {
    if (index == 5) throw std::runtime_error("five");
  };
  CHECK_THROWS_WITH_AS(parallel_for(20, 3, task), "five", std::runtime_error);
}

TEST_CASE("no more threads than tasks or MiB") {
  CHECK(threads_for(3, 8) == 3);
  CHECK(threads_for(0, 8) == 1);
  CHECK(threads_for(100, 0) >= 1);
  CHECK(threads_for(100, 8, 1000) == 1);
  CHECK(threads_for(100, 8, 3 << 20) == 3);
  CHECK(threads_for(100, 8, 1 << 30) == 8);
}
