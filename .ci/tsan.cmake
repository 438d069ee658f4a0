# cmake -C .ci/tsan.cmake: data races, asserts on.
#
# COMMANDER_PROGRAM_SOURCES says what installed libraries are not to be reported.
set(CMAKE_BUILD_TYPE None CACHE STRING "")
set(CMAKE_CXX_FLAGS "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -DNDEBUG_SANITIZER" CACHE STRING "")
set(COMMANDER_TEST_FLAGS -O0 CACHE STRING "")
set(COMMANDER_PROGRAM_SOURCES "${CMAKE_CURRENT_LIST_DIR}/tsan_suppressions.cc" CACHE STRING "")
