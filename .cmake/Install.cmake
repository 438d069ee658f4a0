# cmake --install, find_package(commander CONFIG) and pkg-config.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/commander")
set_target_properties(commander_log PROPERTIES EXPORT_NAME log)
set_target_properties(commander_crypto PROPERTIES EXPORT_NAME crypto)
set_target_properties(commander_store PROPERTIES EXPORT_NAME store)
set_target_properties(commander_engine PROPERTIES EXPORT_NAME commander)
install(TARGETS commander_api commander_log commander_crypto commander_store
  commander_engine
  EXPORT commander ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT commander
  NAMESPACE commander:: FILE commander-targets.cmake DESTINATION "${package}")

install(DIRECTORY include/commander "${PROJECT_BINARY_DIR}/generated/include/commander"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN *.h PATTERN *.capnp)

configure_package_config_file(include/cmake/commander-config.cmake.in commander-config.cmake
  INSTALL_DESTINATION "${package}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(commander-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/commander-config.cmake"
  "${PROJECT_BINARY_DIR}/commander-config-version.cmake"
  include/cmake/CommanderSchemas.cmake
  include/cmake/CommanderRdkafka.cmake
  include/cmake/CommanderSodium.cmake
  DESTINATION "${package}")

# From where commander.pc lies to the prefix, so that the installed tree can be moved.
set(up_to_prefix "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
string(REGEX REPLACE "[^/]+" ".." up_to_prefix "${up_to_prefix}")
set(archives)
foreach(target IN ITEMS commander_engine commander_log commander_store commander_crypto
  commander_api)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND archives " -l${target}")
  endif()
endforeach()
configure_file(include/cmake/commander.pc.in commander.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/commander.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(TARGET commander)
  install(TARGETS commander)
endif()
