#include "tests/process/referrals.h"

#include <utility>

namespace commander::test {

Referrals::Referrals(Looked looked)
    : accounts("accounts", {.partitions = 4}),
      people("people", accounts),
      histories("histories", accounts) {
  AddReferralHandlers(accounts, std::move(looked));
}

// Small enough that every life rolls segments and writes stores back; a thread for each partition.
absl::StatusOr<std::unique_ptr<Engine>> Referrals::Open(const std::string& data,
                                                        const std::string& kek, LogSink sink) {
  EngineOptions options;
  options.data_directory = data;
  options.kek_file = kek;
  options.segment_bytes = std::size_t{64} << 10;
  options.write_back_events = 32;
  options.state_cache_bytes = 2000;
  options.worker_threads = 4;
  options.log_sink = std::move(sink);
  return Engine::Open(options, {&accounts, &people, &histories});
}

absl::StatusOr<Outcome> Referrals::Refer(Engine& engine, const Group<Referrer>& accounts,
                                         std::string_view key, const std::string& person,
                                         const std::string& id) {
  CommandOptions options;
  options.id = id;
  options.timeout = absl::Minutes(1);
  return engine.SyncCommand<referrals::Refer>(
      accounts, key,
      [&](auto command) {
        command.setEmail(EmailOf(person).c_str());
        command.setNote(NoteOf(person, id).c_str());
      },
      options);
}

}  // namespace commander::test
