# cmake -C .ci/tsan.cmake: data races, asserts on.
#
# The installed abseil is not instrumented; COMMANDER_PROGRAM_SOURCES makes its locks visible.
set(CMAKE_BUILD_TYPE None CACHE STRING "")
set(CMAKE_CXX_FLAGS "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -DNDEBUG_SANITIZER" CACHE STRING "")
set(COMMANDER_TEST_FLAGS -O0 CACHE STRING "")
set(COMMANDER_PROGRAM_SOURCES "${CMAKE_CURRENT_LIST_DIR}/tsan_mutex.cc" CACHE STRING "")
