# commander_schemas(<target> <schema.capnp>...)
#
# Compiles Cap'n Proto schemas into <target>, an executable or library of the calling folder:
#
#     add_executable(bank main.cc)
#     commander_schemas(bank bank.capnp)                       # #include "bank.capnp.h"
#     target_link_libraries(bank PRIVATE commander::commander)
#
# A schema may import "/commander/annotations.capnp", "/capnp/c++.capnp", and any schema below BASE
# by its path from there.  The generated headers are found by <target> and by what links it.
#
#   BASE <directory>    what names and imports start from; the calling folder unless given
#   OUTPUT <directory>  where the generated files go; a folder of <target>'s own unless given
#   PRIVATE             only <target> itself sees the generated headers
function(commander_schemas target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PRIVATE" "BASE;OUTPUT" "")
  if(NOT TARGET ${target})
    message(FATAL_ERROR "commander_schemas: there is no target ${target}; "
      "call it after add_executable or add_library")
  endif()
  get_target_property(folder ${target} SOURCE_DIR)
  if(NOT folder STREQUAL CMAKE_CURRENT_SOURCE_DIR)
    message(FATAL_ERROR "commander_schemas: ${target} belongs to ${folder}; call it there")
  endif()
  if(NOT arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "commander_schemas: no schema given for ${target}")
  endif()
  if(NOT arg_BASE)
    set(arg_BASE "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  cmake_path(ABSOLUTE_PATH arg_BASE NORMALIZE)
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${target}_schemas")
  endif()

  set(schemas)
  foreach(schema IN LISTS arg_UNPARSED_ARGUMENTS)
    cmake_path(ABSOLUTE_PATH schema NORMALIZE)
    cmake_path(IS_PREFIX arg_BASE "${schema}" NORMALIZE below)
    if(NOT below)
      message(FATAL_ERROR "commander_schemas: ${schema} is not below ${arg_BASE}; name a BASE")
    endif()
    if(NOT EXISTS "${schema}")
      message(FATAL_ERROR "commander_schemas: ${schema} does not exist")
    endif()
    list(APPEND schemas "${schema}")
  endforeach()

  # Where Cap'n Proto is part of the build its compiler is, too.  The locations that the package of
  # Debian gives its imported tools do not exist, so those are searched for.
  if(TARGET capnp_tool)
    set(capnp capnp_tool)
    set(capnpc_cpp $<TARGET_FILE:capnpc_cpp>)
  else()
    find_program(COMMANDER_CAPNP capnp REQUIRED)
    find_program(COMMANDER_CAPNPC_CPP capnpc-c++ REQUIRED)
    mark_as_advanced(COMMANDER_CAPNP COMMANDER_CAPNPC_CPP)
    set(capnp "${COMMANDER_CAPNP}")
    set(capnpc_cpp "${COMMANDER_CAPNPC_CPP}")
  endif()
  get_property(imports GLOBAL PROPERTY COMMANDER_IMPORT_DIRECTORY)
  get_target_property(capnp_imports CapnProto::capnp INTERFACE_INCLUDE_DIRECTORIES)
  if(capnp_imports)
    list(APPEND imports ${capnp_imports})
  endif()
  list(TRANSFORM imports PREPEND "-I")

  file(MAKE_DIRECTORY "${arg_OUTPUT}")
  set(generated)
  foreach(schema IN LISTS schemas)
    cmake_path(RELATIVE_PATH schema BASE_DIRECTORY "${arg_BASE}" OUTPUT_VARIABLE name)
    set(output "${arg_OUTPUT}/${name}")
    # Any schema of the call may import any other.
    add_custom_command(
      OUTPUT "${output}.c++" "${output}.h"
      COMMAND ${capnp} compile "-o${capnpc_cpp}:${arg_OUTPUT}"
        "--src-prefix=${arg_BASE}" "-I${arg_BASE}" ${imports} "${schema}"
      DEPENDS ${schemas}
      COMMENT "Compiling schema ${name}"
      VERBATIM)
    list(APPEND generated "${output}.c++" "${output}.h")
    # Generated code answers to none of the warnings that <target> asks for.
    set_source_files_properties("${output}.c++" PROPERTIES COMPILE_OPTIONS -w)
  endforeach()
  target_sources(${target} PRIVATE ${generated})
  if(arg_PRIVATE)
    target_include_directories(${target} SYSTEM PRIVATE "$<BUILD_INTERFACE:${arg_OUTPUT}>")
  else()
    target_include_directories(${target} SYSTEM PUBLIC "$<BUILD_INTERFACE:${arg_OUTPUT}>")
  endif()
endfunction()
