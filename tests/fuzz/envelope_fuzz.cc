// Records of the log: the envelope around every message.
#include "engine/envelope.h"
#include "tests/fuzz/fuzz.h"

namespace commander::test {

using internal::EnvelopeReader;
using internal::MessageKind;

std::vector<std::string> FuzzSeeds() {
  internal::OutcomeHeader header;
  header.id = header.cause = MessageId{1, 2};
  header.key = "acct-1";
  header.actor = "somebody";
  const auto seed = [&](MessageKind kind, auto append) {
    log::EntryBatch batch;
    header.kind = kind;
    append(&batch);
    return StringOf(log::EntryWalk(batch.words()).Next());
  };
  const std::uint8_t sealed[40] = {'E', 'S', 'P', '1', 1, 1, 1};
  const log::Word command[3] = {0, 1, 2};
  return {seed(MessageKind::kNothing, [&](auto* out) { AppendNothing(header, out); }),
          seed(MessageKind::kRejection,
               [&](auto* out) { AppendRejection(header, "overdrawn", "too low", out); }),
          seed(MessageKind::kParked,
               [&](auto* out) { AppendParked(header, command, "failed", "why", out); }),
          seed(MessageKind::kEvent, [&](auto* out) { AppendSealed(header, sealed, out); })};
}

FUZZ(std::string_view bytes) {
  const std::vector<log::Word> words = WordsOf(bytes);
  const auto envelope = EnvelopeReader::Open(words);
  if (!envelope.ok()) return;
  const EnvelopeReader& record = **envelope;
  const auto within = [&](std::string_view text) {
    return text.empty() || (text.data() >= reinterpret_cast<const char*>(words.data()) &&
                            text.data() + text.size() <=
                                reinterpret_cast<const char*>(words.data() + words.size()));
  };
  Demand(within(record.key()) && within(record.actor()), "views point into the record");
  record.correlation();
  internal::GuardKj("headers", [&] { record.headers(); }).IgnoreError();
  internal::GuardKj("rejection", [&] { record.rejection(); }).IgnoreError();
  std::vector<log::Word> command;
  internal::GuardKj("parked", [&] { command = record.parked_command(); }).IgnoreError();
  Demand(command.size() <= words.size(), "a parked command is part of the record");
  internal::MetadataOf(record, "accounts", 0, {});
}

}  // namespace commander::test
