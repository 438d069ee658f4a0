# cmake -C .ci/asan.cmake: addresses and undefined behaviour, asserts on.
#
# NDEBUG_SANITIZER: abseil lays out its hash tables differently under a sanitizer; the installed
# library was not built that way.
#
# Without the checks for null: with them g++ 14 holds no comparison with null for a constant any
# more, so that abseil's hash tables do not compile.  A null that is used still ends the program.
set(CMAKE_BUILD_TYPE None CACHE STRING "")
set(CMAKE_CXX_FLAGS "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute -fno-sanitize-recover=all -DNDEBUG_SANITIZER" CACHE STRING "")
set(COMMANDER_TEST_FLAGS -O0 CACHE STRING "")
set(COMMANDER_PROGRAM_SOURCES "${CMAKE_CURRENT_LIST_DIR}/asan_options.cc" CACHE STRING "")
