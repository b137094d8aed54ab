# SPDX-License-Identifier: Apache-2.0
# Finds what each layer needs. Only Eigen, xtensor and nlohmann-json are required; each other part is built when its
# library is there, and the line at the end says which are.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(xtl QUIET)
find_package(xtensor REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)

if(ACTION_IMAGES_PYTHON)
  find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module)
  if(NOT pybind11_DIR)
    execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir OUTPUT_VARIABLE pybind11_DIR
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  find_package(pybind11 2.12 REQUIRED CONFIG)
endif()

set(ACTION_IMAGES_WITH_FFMPEG OFF)
set(ACTION_IMAGES_WITH_SENTENCEPIECE OFF)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND AND ACTION_IMAGES_VIDEO)
  pkg_check_modules(FFMPEG QUIET IMPORTED_TARGET libavformat libavcodec libavutil libswscale)
  if(FFMPEG_FOUND)
    set(ACTION_IMAGES_WITH_FFMPEG ON)
  endif()
endif()
if(PkgConfig_FOUND AND ACTION_IMAGES_MODEL)
  pkg_check_modules(SENTENCEPIECE QUIET IMPORTED_TARGET sentencepiece)
  if(SENTENCEPIECE_FOUND)
    set(ACTION_IMAGES_WITH_SENTENCEPIECE ON)
  endif()
endif()

set(ACTION_IMAGES_WITH_ZLIB OFF)  # compressed .npz files
if(ACTION_IMAGES_MODEL)
  find_package(ZLIB QUIET)
  if(ZLIB_FOUND)
    set(ACTION_IMAGES_WITH_ZLIB ON)
  endif()
endif()

set(ACTION_IMAGES_WITH_TORCH OFF)
if(ACTION_IMAGES_MODEL)
  include(Torch)
endif()

message(STATUS "action_images ${PROJECT_VERSION}: model ${ACTION_IMAGES_WITH_TORCH}, video ${ACTION_IMAGES_WITH_FFMPEG}, "
               "tokenizer ${ACTION_IMAGES_WITH_SENTENCEPIECE}, zlib ${ACTION_IMAGES_WITH_ZLIB}, python ${ACTION_IMAGES_PYTHON}")
