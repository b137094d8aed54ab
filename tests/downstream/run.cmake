# SPDX-License-Identifier: Apache-2.0
# Installs the library into an empty folder and uses it from there, as a user's project does.
#   cmake -DBUILD=<build folder> -DSOURCE=<source folder> -DCOMPILERS=<g++:clang++> -DGENERATOR=<name> -DTORCH_ROOT=<folder>
#         -DINCLUDES=<folders of Eigen and xtensor, colons between> -P run.cmake
# The codec is tried with every compiler, what needs torch with the first.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}")
  endif()
endfunction()

set(folder ${BUILD}/downstream)
file(REMOVE_RECURSE ${folder})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${folder}/installed --component library)

# 1. The codec with nothing but include folders.
string(REPLACE ":" ";" INCLUDES "${INCLUDES}")
set(include_options)
list(REMOVE_ITEM INCLUDES /usr/include)
foreach(include IN LISTS INCLUDES)
  list(APPEND include_options -isystem ${include})
endforeach()
string(REPLACE ":" ";" COMPILERS "${COMPILERS}")
list(REMOVE_DUPLICATES COMPILERS)
list(GET COMPILERS 0 COMPILER)
foreach(compiler IN LISTS COMPILERS)
  run(${compiler} -std=c++20 -O1 -Wall -Wextra -Wconversion -Werror -I${folder}/installed/include ${include_options}
      ${SOURCE}/tests/downstream/use_codec.cpp -o ${folder}/plain)
  run(${folder}/plain)
endforeach()

# 2. By find_package: without torch, then with it.
function(find_package_with name compiler)
  run(${CMAKE_COMMAND} -S ${SOURCE}/tests/downstream -B ${folder}/${name} -G ${GENERATOR}
      -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_PREFIX_PATH=${folder}/installed ${ARGN})
  run(${CMAKE_COMMAND} --build ${folder}/${name})
  run(${CMAKE_CTEST_COMMAND} --test-dir ${folder}/${name} --output-on-failure)
endfunction()

foreach(compiler IN LISTS COMPILERS)
  get_filename_component(name ${compiler} NAME)
  find_package_with(codec_${name} ${compiler})
endforeach()
if(TORCH_ROOT)
  find_package_with(model ${COMPILER} -DWITH_MODEL=ON -DTORCH_ROOT=${TORCH_ROOT})
endif()
