# SPDX-License-Identifier: Apache-2.0
# Installs headers, libraries and the package config; the Python package has its own component, `python`.
include(CMakePackageConfigHelpers)
set(PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/action_images)

set(components codec codec_io video)
if(ACTION_IMAGES_WITH_TORCH)
  list(APPEND components model train)
endif()
foreach(component IN LISTS components)
  install(TARGETS action_images_${component} EXPORT action_images_${component} COMPONENT library)
  install(EXPORT action_images_${component} NAMESPACE action_images:: FILE ${component}.cmake
          DESTINATION ${PACKAGE_FOLDER} COMPONENT library)
endforeach()

configure_package_config_file(cmake/action_imagesConfig.cmake.in ${PROJECT_BINARY_DIR}/action_imagesConfig.cmake
                              INSTALL_DESTINATION ${PACKAGE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/action_imagesConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/action_imagesConfig.cmake ${PROJECT_BINARY_DIR}/action_imagesConfigVersion.cmake
              cmake/Torch.cmake
        DESTINATION ${PACKAGE_FOLDER} COMPONENT library)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
