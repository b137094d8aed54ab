# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with clang++ and runs each on 50000 inputs made from its seeds, nearly the same ones every time; or,
# to search, for ACTION_IMAGES_FUZZ_SECONDS (environment) on inputs that are new every time. What a target finds is left in
# the build folder, and the command to run it again is printed.
#   cmake -DBUILD=<folder> -DSOURCE=<source folder> -DCOMPILER=<clang++> -DGENERATOR=<name> [-DTORCH_ROOT=<folder>]
#         [-DOPTIONS=-D...] -P run.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Comparisons are not traced in the first case: they see addresses, which differ from run to run.
set(extent -runs=50000 -seed=1 -use_cmp=0)
if(DEFINED ENV{ACTION_IMAGES_FUZZ_SECONDS})
  set(extent -max_total_time=$ENV{ACTION_IMAGES_FUZZ_SECONDS})
endif()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G ${GENERATOR} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${COMPILER}
    -DACTION_IMAGES_FUZZ=ON -DACTION_IMAGES_MODEL=OFF -DACTION_IMAGES_VIDEO=OFF -DACTION_IMAGES_PYTHON=OFF
    -DACTION_IMAGES_TESTS=OFF -DACTION_IMAGES_EXAMPLES=OFF -DTORCH_ROOT=${TORCH_ROOT} ${OPTIONS})
run(${CMAKE_COMMAND} --build ${BUILD} --target fuzz_targets)

set(folder ${BUILD}/tests/fuzz/targets)
file(GLOB targets ${folder}/*_fuzz)
foreach(target IN LISTS targets)
  get_filename_component(name ${target} NAME)
  string(REPLACE "_fuzz" "" corpus ${name})
  set(found ${folder}/found/${corpus})  # new inputs go here, and the seeds stay as they are
  file(REMOVE_RECURSE ${found})
  file(MAKE_DIRECTORY ${found})
  run(${target} ${extent} -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1
      -artifact_prefix=${folder}/${name}- ${found} ${folder}/corpus/${corpus})
  string(REGEX MATCH "stat::number_of_executed_units: +([0-9]+)" runs "${output}")
  message(STATUS "${name}: ${CMAKE_MATCH_1} inputs")
endforeach()
