// SPDX-License-Identifier: Apache-2.0
// Any bytes as the pickle in an intact archive of torch.save, beside a storage of 8 bytes.
#include <cstddef>
#include <cstdint>
#include <string>

#include "../tensor/torch_archive.hpp"
#include "weights_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string pickle(reinterpret_cast<const char*>(data), size);
  action_images::fuzz::check_weights(action_images::torch_archive::archive_of(pickle, std::string(8, '\1')));
  return 0;
}
