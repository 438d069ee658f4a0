# commander::rdkafka: librdkafka, whose CMake package Debian leaves out.  Not defined where it is not
# found.
set(COMMANDER_RDKAFKA_HINT
  "install librdkafka-dev, or set COMMANDER_RDKAFKA_LIBRARY and COMMANDER_RDKAFKA_INCLUDE_DIRECTORY")
find_path(COMMANDER_RDKAFKA_INCLUDE_DIRECTORY librdkafka/rdkafka.h)
find_library(COMMANDER_RDKAFKA_LIBRARY rdkafka)
mark_as_advanced(COMMANDER_RDKAFKA_INCLUDE_DIRECTORY COMMANDER_RDKAFKA_LIBRARY)
if(COMMANDER_RDKAFKA_INCLUDE_DIRECTORY AND COMMANDER_RDKAFKA_LIBRARY
    AND NOT TARGET commander::rdkafka)
  add_library(commander::rdkafka UNKNOWN IMPORTED GLOBAL)
  set_target_properties(commander::rdkafka PROPERTIES
    IMPORTED_LOCATION "${COMMANDER_RDKAFKA_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${COMMANDER_RDKAFKA_INCLUDE_DIRECTORY}")
endif()
