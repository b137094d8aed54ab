// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of weights; from seeds of torch.save, whose zip directories are what is changed here.
#include <cstddef>
#include <cstdint>

#include "weights_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  action_images::fuzz::check_weights({reinterpret_cast<const char*>(data), size});
  return 0;
}
