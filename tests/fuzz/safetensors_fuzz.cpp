// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of weights; from seeds of safetensors, whose reader they reach unless they begin as a zip file.
#include <cstddef>
#include <cstdint>

#include "weights_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  action_images::fuzz::check_weights({reinterpret_cast<const char*>(data), size});
  return 0;
}
