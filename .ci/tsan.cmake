# cmake -C .ci/tsan.cmake: data races, asserts on.
#
# The installed abseil is not instrumented, so absl::Mutex is invisible here; std::mutex is not.
set(CMAKE_BUILD_TYPE None CACHE STRING "")
set(CMAKE_CXX_FLAGS "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread -DNDEBUG_SANITIZER" CACHE STRING "")
set(COMMANDER_TEST_FLAGS -O0 CACHE STRING "")
