// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec/array.hpp>

#include <cstdint>
#include <limits>
#include <new>

#include <doctest/doctest.h>

using namespace action_images;

TEST_CASE("large results start at a huge page, small ones take no more than they need") {
  const auto large = Images<float>::from_shape({1, 2, 512, 512, 3});
  CHECK(reinterpret_cast<std::uintptr_t>(large.data()) % HugePageAllocator<float>::page_size == 0);
  Images<float> copy = large;
  CHECK(copy.shape() == large.shape());
  Images<float> small = Images<float>::from_shape({1, 1, 4, 4, 3});
  small.fill(0.5F);
  copy = small;
  CHECK(copy == small);
}

TEST_CASE("more elements than there are addresses are refused") {
  CHECK_THROWS_AS(HugePageAllocator<double>().allocate(std::numeric_limits<std::size_t>::max() / 4), std::bad_alloc);
}
