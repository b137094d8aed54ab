// SPDX-License-Identifier: Apache-2.0
#include <action_images/core/check.hpp>

#include "process_group_impl.hpp"

#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace action_images {

#ifdef USE_C10D_NCCL

bool built_with_nccl() { return true; }

c10::intrusive_ptr<c10d::Backend> nccl_backend(const ProcessGroup::Impl::Store& store, int rank, int size,
                                               std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}

#else

bool built_with_nccl() { return false; }

c10::intrusive_ptr<c10d::Backend> nccl_backend(const ProcessGroup::Impl::Store&, int, int, std::chrono::milliseconds) {
  throw ValueError(expected_text("dist::ProcessGroup", "backend",
                                 "one that was built in (the headers of NCCL and CUDA were not found then)", "nccl"));
}

#endif

}  // namespace action_images
