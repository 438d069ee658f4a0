// Schemas that a log stores beside its records.
#include "commander/commander.h"
#include "engine/schema.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/bank.capnp.h"
#include "tests/support/fake_environment.h"
#include "tests/support/simulated_log.h"

namespace commander::test {

std::unique_ptr<SimulatedLog> NewLog() {
  static FakeClock& clock = *new FakeClock;
  auto log = SimulatedLog::Open(std::make_shared<SimulatedDisk>(), {.clock = &clock});
  Demand(log.ok(), "a log can be made");
  return *std::move(log);
}

// As the engine stores them.
std::vector<std::string> FuzzSeeds() {
  const auto log = NewLog();
  const auto set = internal::SchemaSet::Load(*log);
  for (const auto* type :
       {&internal::TypeOf<bank::Opened>(), &internal::TypeOf<bank::Misbehave>()}) {
    Demand((*set)->Ensure(*log, *type, {"accounts", internal::SchemaRole::kEvent}).ok(), "stored");
  }
  std::vector<std::string> seeds;
  const auto schemas = log->Schemas();
  for (const log::Schema& schema : *schemas) seeds.push_back(schema.bytes);
  return seeds;
}

FUZZ(std::string_view bytes) {
  const internal::Type& type = internal::TypeOf<bank::Opened>();
  const auto log = NewLog();
  Demand(log->StoreSchema({type.fingerprint, "bank.Opened", std::string(bytes)}).ok(), "stored");
  const auto set = internal::SchemaSet::Load(*log);
  if (!set.ok()) return;
  (*set)->NamesUsed("accounts", internal::SchemaRole::kEvent);
  Demand((*set)->All().size() <= 1, "one schema is one type");
}

}  // namespace commander::test
