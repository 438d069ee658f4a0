#include "engine/fixture.h"

#include <capnp/dynamic.h>
#include <kj/exception.h>
#include <kj/string.h>

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "engine/schema.h"

namespace commander::testing {

Result::~Result() noexcept(false) {
  if (!asked_ && std::uncaught_exceptions() == exceptions_) {
    throw std::logic_error("a test's result was false, and nobody asked it\n" + message_);
  }
}

}  // namespace commander::testing

namespace commander::internal {
namespace {

constexpr std::size_t kMaxText = 1000;

}  // namespace

Unjudged::~Unjudged() noexcept(false) {
  if (!judged_ && std::uncaught_exceptions() == exceptions_) throw std::logic_error(what_);
}

void FixtureRandom::Fill(std::span<std::uint8_t> out) {
  std::uint64_t state = 0x9E3779B97F4A7C15u;
  for (std::uint8_t& byte : out) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(absl::CHexEscape(ToAbsl(text)), {{"\\'", "'"}}),
                      "\"");
}

std::string TextOf(const Type& type, capnp::AnyPointer::Reader value) {
  try {
    const kj::String text = kj::str(value.getAs<capnp::DynamicStruct>(type.schema));
    const absl::string_view all(text.cStr(), text.size());
    return absl::StrCat(all.substr(0, kMaxText), all.size() > kMaxText ? " …" : "");
  } catch (const kj::Exception&) {
    return "(not readable)";
  }
}

absl::Status Explain(std::string_view what, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(ToAbsl(what), status.message()));
}

testing::Result Disagree(std::string_view expected, std::string_view actual) {
  return testing::Result::Failure(
      absl::StrCat("expected: ", ToAbsl(expected), "\nactual:   ", ToAbsl(actual)));
}

std::uint16_t FixtureWriter::Topic(const std::string& name, log::TopicKind kind,
                                   std::uint16_t partitions) {
  history_.topics.push_back({static_cast<std::uint16_t>(history_.topics.size() + 1),
                             log::TopicSettings{name, kind, partitions}});
  return history_.topics.back().number;
}

void AddTypesOf(const FoldType& fold, std::vector<const Type*>* types) {
  types->push_back(fold.schema);
  for (const EventFold& event : fold.events) types->push_back(event.type);
}

void AddTypesOf(const GroupBase& group, std::vector<const Type*>* types) {
  if (group.state() != nullptr) AddTypesOf(*group.state(), types);
  for (const CommandHandler& handler : group.handlers()) types->push_back(handler.type);
}

absl::StatusOr<EventDraft> FixtureWriter::Seal(const GroupBase& group, const OutcomeHeader& header,
                                               const TestMessage& event) {
  const auto invalid = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("event ", count_, " of Given, ", event.type->name, ": ", ToAbsl(why)));
  };
  EventDraft draft(*event.type);
  draft.payload().set(event.payload());
  const crypto::Plan* plan = sealing_.PlanOf(*event.type);
  if (plan == nullptr) {
    if (event.erased) return invalid("Erased() without personal fields, which no erasure touches");
    return draft;
  }
  absl::StatusOr<EventDraft> sealed = sealing_.Seal(*plan, group.name(), header, draft);
  if (!sealed.ok()) return invalid(ToStd(sealed.status().message()));
  if (event.erased) {
    const auto bytes = sealed->message().message.getRoot<wire::Envelope>().getPayload().getSealed();
    COMMANDER_ASSIGN_OR_RETURN(const crypto::Kid kid, crypto::KidOf({bytes.begin(), bytes.size()}));
    erased_.insert(kid);
  }
  return sealed;
}

absl::Status FixtureWriter::Put(const GroupBase& group, log::TopicPartition commands,
                                log::TopicPartition events, const TestMessage& event) {
  const std::string key(KeyOf(event));
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(absl::StrCat("event ", count_ + 1, " of Given, ",
                                                   event.type->name, ", has a key of ", key.size(),
                                                   " bytes; a key has 1 to ", kMaxKeyBytes));
  }
  absl::Time& last = last_.try_emplace(events, absl::InfinitePast()).first->second;
  last = std::max(last, event.time.value_or(next_));
  next_ = std::max(next_, last + absl::Seconds(1));
  std::vector<FixtureHistory::Stored>& taken = history_.records[commands];

  OutcomeHeader header;
  header.cause = MessageId::FromText(absl::StrCat("given ", count_++));
  header.id = MessageId::Derive(header.cause, "event", 0);
  header.type = event.type->fingerprint;
  header.kind = MessageKind::kEvent;
  header.time_ns = header.asked_ns = absl::ToUnixNanos(last);
  header.version = ++versions_[{events, key}];
  header.key = key;
  header.source = Offset{taken.size()};
  COMMANDER_ASSIGN_OR_RETURN(EventDraft draft, Seal(group, header, event));
  history_.Append(events, Finish(draft, header).words(), header.time_ns);

  // Its command, which nobody reads any more: what it was is not known.
  CommandDraft command(TypeOf<wire::Retry>());
  CommandHeader sent;
  sent.id = header.cause;
  sent.key = key;
  history_.Append(commands, Finish(command, sent).words(), header.time_ns);

  log::Schema& schema = history_.schemas[event.type->fingerprint];
  std::vector<SchemaUse> uses;
  if (!schema.bytes.empty()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<StoredType> known, DecodeSchema(schema));
    uses = known->uses();
  }
  const SchemaUse use{group.name(), SchemaRole::kEvent};
  if (std::find(uses.begin(), uses.end(), use) == uses.end()) uses.push_back(use);
  schema = EncodeSchema(*event.type, uses);
  return absl::OkStatus();
}

}  // namespace commander::internal
