# cmake -C .ci/release.cmake: what tools/dev builds unless told otherwise.
#
# Line tables (-g1) cost little and make every backtrace readable.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG" CACHE STRING "")
set(COMMANDER_TEST_FLAGS -O1 CACHE STRING "")
