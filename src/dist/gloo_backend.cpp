// SPDX-License-Identifier: Apache-2.0
#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif

namespace action_images {

#ifdef USE_C10D_GLOO

bool built_with_gloo() { return true; }

c10::intrusive_ptr<c10d::Backend> gloo_backend(const ProcessGroup::Impl::Store& store, int rank, int size,
                                               std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  // As torch.distributed does: the interface that a user names, else that of this host's name.
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface != nullptr && *interface != '\0'
                                 ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                 : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
}

#else

bool built_with_gloo() { return false; }

c10::intrusive_ptr<c10d::Backend> gloo_backend(const ProcessGroup::Impl::Store&, int, int, std::chrono::milliseconds) {
  throw ValueError(expected_text("dist::ProcessGroup", "backend",
                                 "one that was built in (Gloo's headers, libgloo-dev, were not found then)", "gloo"));
}

#endif

}  // namespace action_images
