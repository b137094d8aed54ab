// SPDX-License-Identifier: Apache-2.0
// Any bytes as a pickle of plain data: refused, or every value is named by a later one or the last, and can be read.
#include <cstddef>
#include <cstdint>

#include <action_images/core/error.hpp>
#include <action_images/tensor/pickle_data.hpp>

#include "check_that.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace action_images;
  try {
    const PickleData read({data, size}, "fuzz", {.classes = {"rlbench.demo.Demo"}});
    unsigned sum = 0;
    for (std::size_t i = 0; i < read.values().size(); ++i) {
      const PickledValue& value = read.values()[i];
      for (const auto item : value.items) fuzz::check_that(item < i, "a value comes after what it holds");
      for (const char letter : value.text) sum += static_cast<unsigned char>(letter);
    }
    fuzz::check_that(!read.values().empty() || sum == 1, "there is a value");
  } catch (const ValueError&) {
  }
  return 0;
}
