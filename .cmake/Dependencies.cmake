# The libraries that every build needs.  A parent project that has a target of the same name is
# taken at its word; otherwise the target is made visible to the parent as well, because our
# libraries name it in their link interface.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)

find_package(Threads REQUIRED)
if(NOT TARGET absl::statusor)
  find_package(absl REQUIRED CONFIG)
endif()
if(NOT TARGET CapnProto::capnp)
  find_package(CapnProto REQUIRED CONFIG)
endif()
if(NOT TARGET RocksDB::rocksdb AND NOT TARGET RocksDB::rocksdb-shared)
  find_package(RocksDB REQUIRED CONFIG)
endif()
# The shared library links in a fraction of the time.
set(COMMANDER_ROCKSDB RocksDB::rocksdb)
if(TARGET RocksDB::rocksdb-shared)
  set(COMMANDER_ROCKSDB RocksDB::rocksdb-shared)
endif()

# xxHash comes without a CMake package and is compiled in from its header (XXH_INLINE_ALL), so that
# programs that use Commander need not find it.
find_path(COMMANDER_XXHASH_INCLUDE_DIRECTORY xxhash.h REQUIRED)
mark_as_advanced(COMMANDER_XXHASH_INCLUDE_DIRECTORY)
add_library(commander_xxhash INTERFACE)
target_include_directories(commander_xxhash SYSTEM INTERFACE
  "${COMMANDER_XXHASH_INCLUDE_DIRECTORY}")
target_compile_definitions(commander_xxhash INTERFACE XXH_INLINE_ALL)

include("${PROJECT_SOURCE_DIR}/include/cmake/CommanderSodium.cmake")
if(NOT TARGET commander::sodium)
  message(FATAL_ERROR "libsodium was not found: ${COMMANDER_SODIUM_HINT}")
endif()
include("${PROJECT_SOURCE_DIR}/include/cmake/CommanderRdkafka.cmake")
if(NOT TARGET commander::rdkafka)
  message(FATAL_ERROR "librdkafka was not found: ${COMMANDER_RDKAFKA_HINT}")
endif()
