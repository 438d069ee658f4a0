# How our own targets are built.  Nothing here touches a global flag of a parent project.

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or None" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

# What all our targets share: paths from the top of the repository, the language, the warnings.
function(commander_own target)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_include_directories(${target} SYSTEM PRIVATE "${PROJECT_BINARY_DIR}/generated")
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${COMMANDER_WERROR}>:-Werror>)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_link_options(${target} PRIVATE LINKER:-z,relro,-z,now)
    # What a sanitizer needs in each program (.ci/asan.cmake, .ci/tsan.cmake).
    target_sources(${target} PRIVATE ${COMMANDER_PROGRAM_SOURCES})
  endif()
endfunction()

# commander_library(<name> PUBLIC <libraries> PRIVATE <libraries>)
#
# One folder, one library: target commander_<name>, alias commander::<name>, of all .cc and .capnp
# files in the calling folder.  A folder without sources becomes a library without objects.
function(commander_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PUBLIC;PRIVATE")
  set(target commander_${name})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB schemas CONFIGURE_DEPENDS *.capnp)
  if(sources OR schemas)
    add_library(${target} STATIC ${sources})
    commander_own(${target})
    if(schemas)
      commander_schemas(${target} ${schemas}
        BASE "${PROJECT_SOURCE_DIR}" OUTPUT "${PROJECT_BINARY_DIR}/generated" PRIVATE)
    endif()
    target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_PUBLIC} ${arg_PRIVATE})
  endif()
  add_library(commander::${name} ALIAS ${target})
endfunction()

# commander_program(<name> LIBRARY <target> LIBRARIES <libraries>)
#
# The program <name> from main.cc of the calling folder; all other .cc and .capnp files become
# <target>, which tests link too.  A folder without main.cc yields the library only, one without
# sources nothing.
function(commander_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LIBRARY" "LIBRARIES")
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB schemas CONFIGURE_DEPENDS *.capnp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(sources OR schemas)
    add_library(${arg_LIBRARY} STATIC ${sources})
    commander_own(${arg_LIBRARY})
    if(schemas)
      commander_schemas(${arg_LIBRARY} ${schemas}
        BASE "${PROJECT_SOURCE_DIR}" OUTPUT "${PROJECT_BINARY_DIR}/generated" PRIVATE)
    endif()
    target_link_libraries(${arg_LIBRARY} PUBLIC ${arg_LIBRARIES})
  else()
    add_library(${arg_LIBRARY} INTERFACE)
    target_link_libraries(${arg_LIBRARY} INTERFACE ${arg_LIBRARIES})
  endif()
  file(GLOB main CONFIGURE_DEPENDS main.cc)
  if(main)
    add_executable(${name} ${main})
    commander_own(${name})
    target_link_libraries(${name} PRIVATE ${arg_LIBRARY})
  endif()
endfunction()
