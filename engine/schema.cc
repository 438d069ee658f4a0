#include "engine/schema.h"

#include <capnp/message.h>
#include <capnp/schema-loader.h>
#include <capnp/serialize.h>
#include <commander/envelope.capnp.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "commander/internal/status_macros.h"
#include "commander/internal/strings.h"
#include "crypto/marks.h"
#include "crypto/plan.h"

namespace commander::internal {
namespace {

bool IsOurs(std::uint64_t annotation) {
  return annotation == crypto::kNameAnnotation || annotation == crypto::kPersonalAnnotation ||
         annotation == crypto::kSubjectAnnotation;
}

// The canonical listing of FORMAT.md: numbers as text ended by ';', names ended by NUL.
class Listing {
 public:
  void Number(std::uint64_t value) { absl::StrAppend(&text_, value, ";"); }
  void Text(std::string_view value) {
    absl::StrAppend(&text_, ToAbsl(value));
    text_.push_back('\0');
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

// Structs and enums in the order in which a walk over the fields, by ordinal, first meets them.
class Walk {
 public:
  explicit Walk(capnp::StructSchema root) { Index(root); }

  void List(Listing& out) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const capnp::Schema schema = order_[i];
      if (schema.getProto().isStruct()) {
        ListStruct(schema.asStruct(), out);
      } else {
        ListEnum(schema.asEnum(), out);
      }
    }
  }

  const std::vector<capnp::Schema>& nodes() const { return order_; }

 private:
  std::uint64_t Index(capnp::Schema schema) {
    const std::uint64_t id = schema.getProto().getId();
    const auto [at, added] = index_.try_emplace(id, order_.size());
    if (added) order_.push_back(schema);
    return at->second;
  }

  void ListEnum(capnp::EnumSchema schema, Listing& out) {
    out.Text("enum");
    std::vector<std::string_view> names(schema.getEnumerants().size());
    for (const auto enumerant : schema.getEnumerants()) {
      names[enumerant.getOrdinal()] = View(enumerant.getProto().getName());
    }
    out.Number(names.size());
    for (const std::string_view name : names) out.Text(name);
  }

  void ListStruct(capnp::StructSchema schema, Listing& out) {
    const auto node = schema.getProto().getStruct();
    out.Text("struct");
    out.Number(node.getDataWordCount());
    out.Number(node.getPointerCount());
    out.Number(node.getDiscriminantCount());
    out.Number(node.getDiscriminantCount() > 0 ? node.getDiscriminantOffset() : 0);
    ListAnnotations(schema.getProto().getAnnotations(), out);
    // Fields of a group have ordinals of the struct around it; groups themselves have none, so
    // names decide between them.
    std::vector<capnp::StructSchema::Field> fields;
    for (const auto field : schema.getFields()) fields.push_back(field);
    std::stable_sort(fields.begin(), fields.end(),
                     [](const auto& a, const auto& b) { return Order(a) < Order(b); });
    out.Number(fields.size());
    for (const auto& field : fields) ListField(field, out);
  }

  static std::tuple<std::uint64_t, std::string_view> Order(
      const capnp::StructSchema::Field& field) {
    const auto proto = field.getProto();
    const bool explicit_ordinal = proto.getOrdinal().isExplicit();
    return {explicit_ordinal ? proto.getOrdinal().getExplicit() : ~std::uint64_t{0},
            View(proto.getName())};
  }

  void ListField(const capnp::StructSchema::Field& field, Listing& out) {
    const auto proto = field.getProto();
    out.Text(View(proto.getName()));
    out.Number(proto.getDiscriminantValue());
    ListAnnotations(proto.getAnnotations(), out);
    if (proto.isGroup()) {
      out.Text("group");
      out.Number(Index(field.getType().asStruct()));
      return;
    }
    out.Text("slot");
    out.Number(proto.getOrdinal().isExplicit() ? proto.getOrdinal().getExplicit() : 0);
    out.Number(proto.getSlot().getOffset());
    ListType(field.getType(), out);
    ListDefault(proto.getSlot().getDefaultValue(), out);
  }

  void ListType(capnp::Type type, Listing& out) {
    out.Number(static_cast<std::uint64_t>(type.which()));
    if (type.isList()) {
      ListType(type.asList().getElementType(), out);
    } else if (type.isStruct()) {
      out.Number(Index(type.asStruct()));
    } else if (type.isEnum()) {
      out.Number(Index(type.asEnum()));
    }
  }

  // Defaults of pointers by the words of a fresh copy, which do not depend on where they lay.
  static void ListPointer(capnp::AnyPointer::Reader value, Listing& out) {
    capnp::MallocMessageBuilder copy;
    copy.setRoot(value);
    std::string bytes;
    for (const auto segment : copy.getSegmentsForOutput()) {
      const auto raw = segment.asBytes();
      bytes.append(reinterpret_cast<const char*>(raw.begin()), raw.size());
    }
    out.Number(bytes.size());
    out.Text(bytes);
  }

  static void ListDefault(capnp::schema::Value::Reader value, Listing& out) {
    using Value = capnp::schema::Value;
    switch (value.which()) {
      case Value::VOID:
        return out.Number(0);
      case Value::BOOL:
        return out.Number(value.getBool() ? 1 : 0);
      case Value::INT8:
        return out.Number(static_cast<std::uint64_t>(value.getInt8()));
      case Value::INT16:
        return out.Number(static_cast<std::uint64_t>(value.getInt16()));
      case Value::INT32:
        return out.Number(static_cast<std::uint64_t>(value.getInt32()));
      case Value::INT64:
        return out.Number(static_cast<std::uint64_t>(value.getInt64()));
      case Value::UINT8:
        return out.Number(value.getUint8());
      case Value::UINT16:
        return out.Number(value.getUint16());
      case Value::UINT32:
        return out.Number(value.getUint32());
      case Value::UINT64:
        return out.Number(value.getUint64());
      case Value::FLOAT32:
        return out.Number(Bits<std::uint32_t>(value.getFloat32()));
      case Value::FLOAT64:
        return out.Number(Bits<std::uint64_t>(value.getFloat64()));
      case Value::ENUM:
        return out.Number(value.getEnum());
      case Value::TEXT:
        return out.Text(View(value.getText()));
      case Value::DATA: {
        const auto data = value.getData();
        return out.Text({reinterpret_cast<const char*>(data.begin()), data.size()});
      }
      case Value::LIST:
        return ListPointer(value.getList(), out);
      case Value::STRUCT:
        return ListPointer(value.getStruct(), out);
      case Value::ANY_POINTER:
        return ListPointer(value.getAnyPointer(), out);
      case Value::INTERFACE:
        return out.Number(0);
    }
  }

  template <class To, class From>
  static To Bits(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }

  static void ListAnnotations(capnp::List<capnp::schema::Annotation>::Reader annotations,
                              Listing& out) {
    std::vector<std::pair<std::uint64_t, std::string_view>> ours;
    for (const auto annotation : annotations) {
      if (!IsOurs(annotation.getId())) continue;
      const auto value = annotation.getValue();
      ours.emplace_back(annotation.getId(),
                        value.isText() ? View(value.getText()) : std::string_view());
    }
    std::sort(ours.begin(), ours.end());
    out.Number(ours.size());
    for (const auto& [id, value] : ours) {
      out.Number(id);
      out.Text(value);
    }
  }

  std::vector<capnp::Schema> order_;
  absl::flat_hash_map<std::uint64_t, std::uint64_t> index_;
};

std::vector<capnp::Schema> Reachable(capnp::StructSchema root) {
  Walk walk(root);
  Listing ignored;
  walk.List(ignored);
  return walk.nodes();
}

std::string FlatMessage(capnp::MallocMessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

// Words at an address that Cap'n Proto takes.
std::vector<capnp::word> Aligned(const void* bytes, std::size_t size) {
  std::vector<capnp::word> words((size + sizeof(capnp::word) - 1) / sizeof(capnp::word));
  if (size > 0) std::memcpy(words.data(), bytes, size);
  return words;
}

// One copy a process; never freed.
const std::string& Interned(std::string_view name) {
  static std::mutex& mutex = *new std::mutex;
  static auto& names = *new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  const auto at = names.find(name);
  return at != names.end() ? *at : *names.emplace(name).first;
}

}  // namespace

std::string_view SchemaRoleName(SchemaRole role) {
  switch (role) {
    case SchemaRole::kCommand:
      return "command";
    case SchemaRole::kEvent:
      return "event";
    case SchemaRole::kState:
      return "state";
    case SchemaRole::kRow:
      return "row";
  }
  return "unknown";
}

std::string StableName(std::string_view cpp_name, capnp::StructSchema schema) {
  const auto annotations = schema.getProto().getAnnotations();
  if (auto name = crypto::TextMark(annotations, crypto::kNameAnnotation)) return *std::move(name);
  return absl::StrReplaceAll(ToAbsl(cpp_name), {{"::", "."}});
}

std::uint64_t Fingerprint(std::string_view name, capnp::StructSchema schema) {
  Listing listing;
  listing.Text(name);
  Walk(schema).List(listing);
  return XXH3_64bits(listing.text().data(), listing.text().size());
}

const Type& MakeType(std::string_view cpp_name, capnp::StructSchema schema) {
  static std::mutex& mutex = *new std::mutex;
  static auto& types = *new std::map<std::pair<std::uint64_t, std::string>, std::unique_ptr<Type>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Type>& type = types[{schema.getProto().getId(), std::string(cpp_name)}];
  if (type == nullptr) {
    type = std::make_unique<Type>();
    type->name = StableName(cpp_name, schema);
    type->fingerprint = Fingerprint(type->name, schema);
    type->schema = schema;
  }
  return *type;
}

struct StoredType::Loader {
  capnp::SchemaLoader loader;
};
StoredType::StoredType() : loader_(std::make_unique<Loader>()) {}
StoredType::~StoredType() = default;

log::Schema EncodeSchema(const Type& type, const std::vector<SchemaUse>& uses) {
  capnp::MallocMessageBuilder message;
  auto stored = message.initRoot<wire::StoredSchema>();
  stored.setName(type.name.c_str());
  stored.setFingerprint(type.fingerprint);
  stored.setRoot(type.schema.getProto().getId());
  const std::vector<capnp::Schema> reachable = Reachable(type.schema);
  auto nodes = stored.initNodes(static_cast<unsigned>(reachable.size()));
  for (unsigned i = 0; i < nodes.size(); ++i) {
    capnp::MallocMessageBuilder node;
    node.setRoot(reachable[i].getProto());
    const std::string bytes = FlatMessage(node);
    nodes.set(i, {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
  }
  auto list = stored.initUses(static_cast<unsigned>(uses.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setGroup(uses[i].group.c_str());
    list[i].setRole(static_cast<wire::StoredSchema::Role>(uses[i].role));
    list[i].setPartitions(uses[i].partitions);
  }
  return {type.fingerprint, type.name, FlatMessage(message)};
}

absl::StatusOr<std::unique_ptr<StoredType>> DecodeSchema(const log::Schema& stored) {
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(
        absl::StrCat("stored schema of ", stored.name, " (",
                     absl::Hex(stored.fingerprint, absl::kZeroPad16), "): ", ToAbsl(what),
                     "; restore the file from a backup, or let the application that wrote it ",
                     "open the data once more"));
  };
  try {
    std::unique_ptr<StoredType> type(new StoredType);
    const std::vector<capnp::word> words = Aligned(stored.bytes.data(), stored.bytes.size());
    capnp::FlatArrayMessageReader message(kj::arrayPtr(words.data(), words.size()));
    const auto root = message.getRoot<wire::StoredSchema>();
    type->name_ = &Interned(View(root.getName()));
    type->fingerprint_ = root.getFingerprint();
    for (const auto use : root.getUses()) {
      type->uses_.push_back({std::string(View(use.getGroup())),
                             static_cast<SchemaRole>(static_cast<std::uint16_t>(use.getRole())),
                             use.getPartitions()});
    }
    for (const auto bytes : root.getNodes()) {
      const std::vector<capnp::word> node = Aligned(bytes.begin(), bytes.size());
      capnp::FlatArrayMessageReader reader(kj::arrayPtr(node.data(), node.size()));
      const auto root_node = reader.getRoot<capnp::schema::Node>();
      // Reads all of it.  The loader names a field whenever it finds a fault, and where the fault
      // is in the name itself, that of Cap'n Proto 1.1 does so until the stack ends.
      (void)root_node.toString().size();
      type->loader_->loader.load(root_node);
    }
    type->schema_ = type->loader_->loader.get(root.getRoot()).asStruct();
    if (type->fingerprint_ != stored.fingerprint || type->name() != stored.name ||
        Fingerprint(type->name(), type->schema_) != stored.fingerprint) {
      return damaged("its contents do not belong to its fingerprint");
    }
    return type;
  } catch (const kj::Exception&) {
    return damaged("not a readable schema");
  }
}

absl::StatusOr<std::unique_ptr<SchemaSet>> SchemaSet::Load(log::LogReader& log) {
  COMMANDER_ASSIGN_OR_RETURN(const std::vector<log::Schema> stored, log.Schemas());
  std::unique_ptr<SchemaSet> set(new SchemaSet);
  for (const log::Schema& schema : stored) {
    COMMANDER_ASSIGN_OR_RETURN(std::unique_ptr<StoredType> type, DecodeSchema(schema));
    set->types_[schema.fingerprint] = std::move(type);
  }
  return set;
}

absl::Status SchemaSet::Ensure(log::Log& log, const Type& type, const SchemaUse& use) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<StoredType>& known = types_[type.fingerprint];
  std::vector<SchemaUse> uses = known == nullptr ? std::vector<SchemaUse>() : known->uses();
  if (std::find(uses.begin(), uses.end(), use) != uses.end()) return absl::OkStatus();
  std::erase_if(uses, [&](const SchemaUse& each) {
    return each.group == use.group && each.role == use.role;
  });
  uses.push_back(use);
  std::sort(uses.begin(), uses.end());
  const log::Schema stored = EncodeSchema(type, uses);
  absl::StatusOr<std::unique_ptr<StoredType>> decoded = DecodeSchema(stored);
  absl::Status status = decoded.ok() ? log.StoreSchema(stored) : decoded.status();
  if (!status.ok()) {
    if (known == nullptr) types_.erase(type.fingerprint);
    return status;
  }
  if (known != nullptr) retired_.push_back(std::move(known));
  known = *std::move(decoded);
  return absl::OkStatus();
}

KnownType SchemaSet::Known(std::uint64_t fingerprint) const {
  const StoredType* type = Find(fingerprint);
  if (type == nullptr) return {};
  return {type->name(), crypto::IsPersonal(type->schema())};
}

const StoredType* SchemaSet::Find(std::uint64_t fingerprint) const {
  const std::lock_guard lock(mutex_);
  const auto at = types_.find(fingerprint);
  return at == types_.end() ? nullptr : at->second.get();
}

std::set<std::uint16_t> SchemaSet::PartitionsOf(std::string_view group) const {
  const std::lock_guard lock(mutex_);
  std::set<std::uint16_t> counts;
  for (const auto& [fingerprint, type] : types_) {
    for (const SchemaUse& use : type->uses()) {
      if (use.group == group && use.partitions != 0) counts.insert(use.partitions);
    }
  }
  return counts;
}

std::vector<std::string> SchemaSet::NamesUsed(std::string_view group, SchemaRole role) const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [fingerprint, type] : types_) {
    for (const SchemaUse& use : type->uses()) {
      if (use.group == group && use.role == role) names.insert(type->name());
    }
  }
  return {names.begin(), names.end()};
}

std::vector<const StoredType*> SchemaSet::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<const StoredType*> all;
  for (const auto& [fingerprint, type] : types_) all.push_back(type.get());
  std::sort(all.begin(), all.end(), [](const StoredType* a, const StoredType* b) {
    return std::pair(a->name(), a->fingerprint()) < std::pair(b->name(), b->fingerprint());
  });
  return all;
}

}  // namespace commander::internal
