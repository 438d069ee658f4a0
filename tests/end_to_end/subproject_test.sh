#!/usr/bin/env bash
# README's first program in a project that takes Commander in by add_subdirectory.
set -euo pipefail
. "$COMMANDER_SOURCE_DIR/tests/end_to_end/readme_program.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A parent that knows abseil and GoogleTest already, and has warnings and flags of its own.
copy_program "$work/bank"
cat >"$work/bank/CMakeLists.txt" <<'IN'
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES C CXX)
set(CMAKE_CXX_FLAGS "-Wall -Wextra -Werror")
find_package(absl REQUIRED CONFIG)
find_package(GTest REQUIRED)
add_subdirectory("${COMMANDER_SOURCE_DIR}" commander)

if(NOT CMAKE_CXX_FLAGS STREQUAL "-Wall -Wextra -Werror" OR CMAKE_BUILD_TYPE)
  message(FATAL_ERROR "Commander changed the flags of its parent")
endif()
foreach(target IN ITEMS support_test commander_cli commander_demo)
  if(TARGET ${target})
    message(FATAL_ERROR "Commander builds ${target} for a parent that only wants the library")
  endif()
endforeach()

add_executable(bank main.cc)
commander_schemas(bank bank.capnp)
target_link_libraries(bank PRIVATE commander::commander absl::strings GTest::gtest)
IN
cmake_build "$work/bank" "$work/build" -D COMMANDER_SOURCE_DIR="$COMMANDER_SOURCE_DIR"
expect_output "$work/build/bank" "$work/bank"

# A parent that knows nothing gets all that linking needs.  Generating is enough to tell.
copy_program "$work/plain"
cat >"$work/plain/CMakeLists.txt" <<'IN'
cmake_minimum_required(VERSION 3.25)
project(plain LANGUAGES C CXX)
add_subdirectory("${COMMANDER_SOURCE_DIR}" commander)
add_executable(bank main.cc)
commander_schemas(bank bank.capnp)
target_link_libraries(bank commander::commander)
IN
cmake -S "$work/plain" -B "$work/plain/build" \
  -D COMMANDER_SOURCE_DIR="$COMMANDER_SOURCE_DIR"
