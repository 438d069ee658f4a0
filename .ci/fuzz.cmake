# cmake -C .ci/fuzz.cmake: the fuzzers of tests/fuzz with libFuzzer, which comes with clang.
#
# NDEBUG_SANITIZER, and no checks for null: see asan.cmake.
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_BUILD_TYPE None CACHE STRING "")
set(CMAKE_CXX_FLAGS "-O1 -g1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute,function,vptr -fno-sanitize-recover=all -DNDEBUG_SANITIZER" CACHE STRING "")
set(COMMANDER_FUZZ ON CACHE BOOL "")
