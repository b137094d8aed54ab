# SPDX-License-Identifier: Apache-2.0
# Looks for the headers of c10d's backends, which torch's packages lack: Gloo's (libgloo-dev), and those of NCCL and CUDA,
# in a toolkit or in the packages that a CUDA torch brings. The libraries themselves are inside torch.
set(ACTION_IMAGES_WITH_GLOO OFF)
set(ACTION_IMAGES_WITH_NCCL OFF)
if(NOT ACTION_IMAGES_WITH_TORCH)
  return()
endif()

find_path(GLOO_INCLUDE gloo/rendezvous/store.h)
if(GLOO_INCLUDE)
  set(ACTION_IMAGES_WITH_GLOO ON)
  set(GLOO_INCLUDES ${GLOO_INCLUDE})
  list(REMOVE_ITEM GLOO_INCLUDES ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
else()
  message(STATUS "Gloo's headers (libgloo-dev) not found: C++ programs cannot start jobs of several processes on the CPU; "
                 "those of Python's torch.distributed can be joined")
endif()

# The headers that came with this torch go before those of a toolkit, which may be older.
file(GLOB _nvidia_includes ${TORCH_ROOT}/../nvidia/nccl/include ${TORCH_ROOT}/../nvidia/cu*/include
     ${TORCH_ROOT}/../nvidia/cuda_runtime/include)
find_path(NCCL_INCLUDE nccl.h HINTS ${_nvidia_includes})
find_path(CUDA_INCLUDE cuda_runtime.h HINTS ${_nvidia_includes} PATHS /usr/local/cuda/include)
if(TARGET action_images::torch_cuda AND NCCL_INCLUDE AND CUDA_INCLUDE)
  set(ACTION_IMAGES_WITH_NCCL ON)
  set(NCCL_INCLUDES ${NCCL_INCLUDE} ${CUDA_INCLUDE})
  list(REMOVE_ITEM NCCL_INCLUDES ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
endif()
