// wiring.h: what Engine::Open was given, checked.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "commander/engine.h"
#include "engine/schema.h"
#include "engine/sealing.h"

namespace commander::internal {

struct Wiring {
  std::vector<GroupBase*> groups;
  std::vector<ProjectionBase*> projections;
  std::shared_ptr<Sealing> sealing;  // knows the marks of all types; not started
};

// What the marks of these types say; not started.
//   kInvalidArgument: marks that cannot be kept; names the field to mark.
absl::StatusOr<std::shared_ptr<Sealing>> ReadMarks(const std::vector<const Type*>& types,
                                                   bool everything);

// Sorts the components and checks all that needs no log.
//   kInvalidArgument: one sentence that says what is wrong.
absl::StatusOr<Wiring> CheckWiring(const EngineOptions& options,
                                   const std::vector<Component*>& components);

// Checks the lists of event types against what the log holds.
//   kFailedPrecondition: the log holds events of a type that no list names.
absl::Status CheckStoredTypes(const Wiring& wiring, const SchemaSet& schemas);

}  // namespace commander::internal
