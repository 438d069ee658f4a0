// type.h: what the engine knows of an application's Cap'n Proto struct.
#pragma once

#include <capnp/schema.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace commander::internal {

class OutcomeBuilder;

// One struct type.  Made once a process; addresses are stable.
struct Type {
  std::string name;           // stable name: "bank.Withdrawn", or $Commander.name
  std::uint64_t fingerprint;  // XXH3-64 of name and schema (engine/FORMAT.md)
  capnp::StructSchema schema;
};

// Registers a type under its C++ name; thread-safe; the same object for the same schema.
const Type& MakeType(std::string_view cpp_name, capnp::StructSchema schema);

// "bank::Withdrawn" of the type itself, from the compiler.
template <class T>
constexpr std::string_view CppName() {
  constexpr std::string_view function = __PRETTY_FUNCTION__;
  constexpr std::string_view marker = "T = ";
  constexpr std::size_t begin = function.find(marker) + marker.size();
  constexpr std::size_t end = function.find_first_of(";]", begin);
  return function.substr(begin, end - begin);
}

template <class T>
concept CapnpStruct = requires {
  typename T::Reader;
  typename T::Builder;
  typename T::Reader::Reads;
};

// False: a static_assert has said so.
template <class T>
constexpr bool CheckStruct() {
  static_assert(
      CapnpStruct<T>,
      "commander: commands, events and states are structs that Cap'n Proto generated from "
      "a schema");
  return CapnpStruct<T>;
}

template <class T>
const Type& TypeOf() {
  static const Type& type = MakeType(CppName<T>(), capnp::Schema::from<T>());
  return type;
}

}  // namespace commander::internal
