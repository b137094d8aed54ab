# SPDX-License-Identifier: Apache-2.0
# Defines the target action_images::torch from TORCH_ROOT, or from the torch package of the Python interpreter. Used by
# the build and by the installed package config.
#
# find_package(Torch) is not used: it demands the CUDA toolkit that the wheel was built with, even for code that runs on
# the CPU, and fails on several CMake versions. What a program needs is the include folders and three libraries, the
# same ones for a CPU-only torch and a CUDA one.
set(ACTION_IMAGES_WITH_TORCH OFF)
if(NOT TORCH_ROOT)
  if(NOT Python_EXECUTABLE)
    find_package(Python 3.9 QUIET COMPONENTS Interpreter)
  endif()
  if(Python_EXECUTABLE)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c
              "import importlib.util, pathlib; s = importlib.util.find_spec('torch'); print(pathlib.Path(s.origin).parent if s and s.origin else '')"
      OUTPUT_VARIABLE TORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
if(NOT TORCH_ROOT OR NOT EXISTS ${TORCH_ROOT}/include/ATen/ATen.h)
  message(STATUS "torch not found: the model part is left out (set TORCH_ROOT, or install torch >= 2.11)")
  return()
endif()

# The new C++ ABI is fixed in torch >= 2.11; older ones are refused here rather than at run time.
file(STRINGS ${TORCH_ROOT}/version.py _torch_version REGEX "^__version__ = ")
string(REGEX MATCH "[0-9]+\\.[0-9]+" _torch_version "${_torch_version}")
if(_torch_version VERSION_LESS 2.11)
  message(STATUS "torch ${_torch_version} found, 2.11 or newer needed: the model part is left out")
  return()
endif()

if(NOT TARGET action_images::torch)
  add_library(action_images::torch INTERFACE IMPORTED GLOBAL)
  set_target_properties(action_images::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${TORCH_ROOT}/include;${TORCH_ROOT}/include/torch/csrc/api/include"
    # --no-as-needed keeps libtorch_cpu: its operators register themselves when it is loaded.
    INTERFACE_LINK_LIBRARIES
      "-Wl,--no-as-needed;${TORCH_ROOT}/lib/libtorch.so;${TORCH_ROOT}/lib/libtorch_cpu.so;${TORCH_ROOT}/lib/libc10.so;-Wl,--as-needed"
    # The wheel's CUDA libraries are reached through torch's own rpath, not at our link time.
    INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
endif()
# What a CUDA torch has besides; c10d's NCCL needs it at link time.
if(NOT TARGET action_images::torch_cuda AND EXISTS ${TORCH_ROOT}/lib/libtorch_cuda.so)
  add_library(action_images::torch_cuda INTERFACE IMPORTED GLOBAL)
  set_target_properties(action_images::torch_cuda PROPERTIES
    INTERFACE_LINK_LIBRARIES "${TORCH_ROOT}/lib/libtorch_cuda.so;${TORCH_ROOT}/lib/libc10_cuda.so")
endif()
set(ACTION_IMAGES_WITH_TORCH ON)
message(STATUS "torch ${_torch_version} at ${TORCH_ROOT}")
