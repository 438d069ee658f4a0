#include "engine/fixture_canaries.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/key_primitives.h"
#include "crypto/marks.h"
#include "engine/envelope.h"
#include "engine/fixture.h"
#include "engine/schema.h"

namespace commander::internal {
namespace {

using Which = capnp::schema::Type;

std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }
std::string_view View(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
std::string_view View(std::span<const Word> words) {
  return {reinterpret_cast<const char*>(words.data()), words.size_bytes()};
}
capnp::Text::Reader AsText(const std::string& text) { return {text.c_str(), text.size()}; }
capnp::Data::Reader AsData(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

std::string CanaryFor(std::string_view what) {
  const auto digest =
      crypto::Blake2b<8>(crypto::AsBytes("fixture canary"), {crypto::AsBytes(what)});
  return absl::StrCat("canary-", absl::BytesToHexString(ToAbsl(crypto::AsView(digest))));
}

bool Has(std::string_view bytes, std::string_view value) {
  return bytes.find(value) != std::string_view::npos;
}

// Where in a record the value is, for people.
std::string PartOf(const EnvelopeReader& record, std::string_view value) {
  if (Has(record.key(), value)) return "the key";
  if (Has(record.actor(), value)) return "the actor";
  for (const Header& header : record.headers()) {
    if (Has(header.name, value) || Has(header.value, value)) return "a header";
  }
  switch (record.kind()) {
    case MessageKind::kRejection:
      // The message of a sealed one is sealed.
      return Has(record.rejection().message, value) ? "the message" : "the code";
    case MessageKind::kParked:
      return "what is not sealed";
    case MessageKind::kCommand:
    case MessageKind::kEvent:
    case MessageKind::kNothing:
    case MessageKind::kLedger:
      break;
  }
  return "a public field";
}

std::string NameOf(const EnvelopeReader& record, const FixtureHistory& history) {
  const std::string kind(MessageKindName(record.kind()));
  const auto schema = history.schemas.find(record.type());
  if (schema == history.schemas.end()) return kind;
  const absl::StatusOr<std::unique_ptr<StoredType>> type = DecodeSchema(schema->second);
  if (!type.ok()) return kind;
  const bool of = record.kind() == MessageKind::kRejection || record.kind() == MessageKind::kParked;
  return absl::StrCat(kind, of ? " of " : " ", (*type)->name());
}

}  // namespace

TestMessage Canaries::Take(const TestMessage& message) {
  TestMessage copy = message;
  copy.message = std::make_shared<capnp::MallocMessageBuilder>();
  copy.message->setRoot(message.payload());
  const auto root = copy.message->getRoot<capnp::DynamicStruct>(message.type->schema);
  const auto annotations = message.type->schema.getProto().getAnnotations();
  Walk(root, crypto::HasMark(annotations, crypto::kPersonalAnnotation), message.type->name);
  return copy;
}

void Canaries::Walk(capnp::DynamicStruct::Builder value, bool marked, const std::string& path) {
  const capnp::StructSchema schema = value.getSchema();
  const capnp::StructSchema::FieldSubset fields = schema.getNonUnionFields();
  for (const auto field : fields) {
    WalkField(value, field, marked, path);
  }
  KJ_IF_MAYBE (field, value.which()) {
    WalkField(value, *field, marked, path);
  }
}

void Canaries::WalkField(capnp::DynamicStruct::Builder value, capnp::StructSchema::Field field,
                         bool marked, const std::string& above) {
  const auto proto = field.getProto();
  const std::string path = absl::StrCat(above, ".", ToAbsl(crypto::NameOf(field)));
  marked = marked || crypto::HasMark(proto.getAnnotations(), crypto::kPersonalAnnotation);
  if (proto.isGroup()) return Walk(value.get(field).as<capnp::DynamicStruct>(), marked, path);
  if (!marked) return;
  const bool has = value.has(field);
  std::optional<std::string> planted;
  switch (field.getType().which()) {
    case Which::TEXT:
      planted = Watch(has ? View(value.get(field).as<capnp::Text>().asReader()) : "", path);
      if (planted.has_value()) value.set(field, AsText(*planted));
      break;
    case Which::DATA:
      planted = Watch(has ? View(value.get(field).as<capnp::Data>().asReader()) : "", path);
      if (planted.has_value()) value.set(field, AsData(*planted));
      break;
    case Which::STRUCT:
      if (has) Walk(value.get(field).as<capnp::DynamicStruct>(), true, path);
      break;
    case Which::LIST:
      if (has) WalkList(value.get(field).as<capnp::DynamicList>(), path);
      break;
    default:
      break;  // numbers say nothing that could be recognised
  }
}

void Canaries::WalkList(capnp::DynamicList::Builder list, const std::string& path) {
  std::optional<std::string> planted;
  for (unsigned i = 0; i < list.size(); ++i) {
    switch (list.getSchema().whichElementType()) {
      case Which::TEXT:
        planted = Watch(View(list[i].as<capnp::Text>().asReader()), path);
        if (planted.has_value()) list.set(i, AsText(*planted));
        break;
      case Which::DATA:
        planted = Watch(View(list[i].as<capnp::Data>().asReader()), path);
        if (planted.has_value()) list.set(i, AsData(*planted));
        break;
      case Which::STRUCT:
        Walk(list[i].as<capnp::DynamicStruct>(), true, path);
        break;
      case Which::LIST:
        WalkList(list[i].as<capnp::DynamicList>(), path);
        break;
      default:
        return;
    }
  }
}

std::optional<std::string> Canaries::Watch(std::string_view value, const std::string& path) {
  if (value.size() >= kBytes) {
    canaries_.push_back({std::string(value), path});
    return std::nullopt;
  }
  if (plant_ == Plant::kNone) return std::nullopt;
  planted_ = true;
  const std::string canary = CanaryFor(value.empty() ? path : absl::StrCat("=", ToAbsl(value)));
  canaries_.push_back({canary, absl::StrCat(path, " (in place of ", Quoted(value), ")")});
  return canary;
}

const Canaries::Canary* Canaries::FindIn(std::string_view bytes) const {
  const auto at = std::find_if(canaries_.begin(), canaries_.end(),
                               [&](const Canary& each) { return Has(bytes, each.value); });
  return at == canaries_.end() ? nullptr : &*at;
}

absl::Status Canaries::Shows(const Canary& canary, std::string_view where) {
  return absl::FailedPreconditionError(
      absl::StrCat("what is personal shows in clear: ", Quoted(canary.value), " of ", canary.origin,
                   " is in ", ToAbsl(where), ", which is not sealed and would outlive an erasure"));
}

absl::Status Canaries::Search(const FixtureHistory& history) const {
  // Commands, then outcomes: the place where it shows first is named.
  for (const auto& [place, records] : history.records) {
    for (const FixtureHistory::Stored& stored : records) {
      const Canary* found = FindIn(View(*stored.words));
      if (found == nullptr) continue;
      COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<EnvelopeReader> record,
                                 EnvelopeReader::Open(*stored.words));
      // In place of the command of a given event, which is searched itself.
      if (record->type() == TypeOf<wire::Retry>().fingerprint) continue;
      return Shows(*found, absl::StrCat(PartOf(*record, found->value), " of the ",
                                        NameOf(*record, history)));
    }
  }
  return absl::OkStatus();
}

absl::Status Canaries::Search(std::string_view noun, const StoredFolds& folds) const {
  for (const auto& [key, stored] : folds) {
    if (const Canary* found = FindIn(key); found != nullptr) {
      return Shows(*found, absl::StrCat("the key of ", ToAbsl(noun), " ", Quoted(key)));
    }
    if (const Canary* found = FindIn(View(stored.words)); found != nullptr) {
      return Shows(*found, absl::StrCat("a public field of ", ToAbsl(noun), " ", Quoted(key)));
    }
  }
  return absl::OkStatus();
}

}  // namespace commander::internal
