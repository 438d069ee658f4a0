# commander::sodium: libsodium, which comes without a CMake package of its own.  Not defined where it
# is not found.
set(COMMANDER_SODIUM_HINT
  "install libsodium-dev, or set COMMANDER_SODIUM_LIBRARY and COMMANDER_SODIUM_INCLUDE_DIRECTORY")
find_path(COMMANDER_SODIUM_INCLUDE_DIRECTORY sodium.h)
find_library(COMMANDER_SODIUM_LIBRARY sodium)
mark_as_advanced(COMMANDER_SODIUM_INCLUDE_DIRECTORY COMMANDER_SODIUM_LIBRARY)
if(COMMANDER_SODIUM_INCLUDE_DIRECTORY AND COMMANDER_SODIUM_LIBRARY AND NOT TARGET commander::sodium)
  add_library(commander::sodium UNKNOWN IMPORTED GLOBAL)
  set_target_properties(commander::sodium PROPERTIES
    IMPORTED_LOCATION "${COMMANDER_SODIUM_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${COMMANDER_SODIUM_INCLUDE_DIRECTORY}")
endif()
