#include "crypto/split.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "commander/internal/status_macros.h"
#include "crypto/answer.h"
#include "crypto/esp1.h"
#include "crypto/kj_guard.h"

namespace commander::crypto {
namespace {

using Words = std::span<const std::uint64_t>;
using DataSection = kj::ArrayPtr<const capnp::byte>;

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kRootWords = 1;  // the pointer to the struct

std::size_t WordsOf(DataSection data) { return (data.size() + kWordBytes - 1) / kWordBytes; }

// Word number `word` of a data section; what lies behind its end is zero.
std::uint64_t WordAt(DataSection data, std::size_t word) {
  std::uint64_t value = 0;
  const std::size_t begin = word * kWordBytes;
  if (begin < data.size()) {
    std::memcpy(&value, data.begin() + begin, std::min(kWordBytes, data.size() - begin));
  }
  return value;
}

std::uint16_t DiscriminantAt(DataSection data, std::size_t number) {
  return static_cast<std::uint16_t>(WordAt(data, number / 4) >> (16 * (number % 4)));
}

kj::ArrayPtr<capnp::word> AsCapnp(std::span<std::uint64_t> words) {
  return kj::arrayPtr(reinterpret_cast<capnp::word*>(words.data()), words.size());
}

// A struct of zeros and nulls at the beginning of `message`.
capnp::AnyStruct::Builder InitStruct(capnp::MessageBuilder& message, std::size_t data_words,
                                     std::size_t pointers) {
  return message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
      static_cast<std::uint16_t>(data_words), static_cast<std::uint16_t>(pointers));
}

}  // namespace

absl::StatusOr<Split> Split::Measure(const Plan& plan, capnp::AnyStruct::Reader plaintext) {
  Split split(plaintext);
  const bool sound = KjAccepts([&] {
    split.public_bits_.resize(WordsOf(plaintext.getDataSection()));
    split.public_pointers_.resize(plaintext.getPointerSection().size());
    split.MarkPublic(plan.public_fields());
    split.MeasurePointers();
  });
  if (sound) return split;
  return absl::DataLossError(
      absl::StrCat("a ", plan.name(), " cannot be sealed: its structure is broken"));
}

void Split::MarkPublic(const PublicFields& fields) {
  // A writer with an older schema has smaller sections.
  for (const PublicFields::Mask& mask : fields.masks) {
    if (mask.word < public_bits_.size()) public_bits_[mask.word] |= mask.bits;
  }
  for (const std::uint16_t pointer : fields.pointers) {
    if (pointer < public_pointers_.size()) public_pointers_[pointer] = true;
  }
  for (const PublicFields::Union& choice : fields.unions) {
    const std::uint16_t set = DiscriminantAt(plaintext_.getDataSection(), choice.discriminant);
    if (set < choice.members.size()) MarkPublic(choice.members[set]);
  }
}

void Split::MeasurePointers() {
  const auto pointers = plaintext_.getPointerSection();
  public_words_ = personal_words_ = kRootWords + public_bits_.size() + pointers.size();
  for (capnp::uint i = 0; i < pointers.size(); ++i) {
    (public_pointers_[i] ? public_words_ : personal_words_) += pointers[i].targetSize().wordCount;
  }
}

absl::Status Split::WritePublic(std::span<std::uint64_t> out) const {
  if (KjAccepts([&] { Write(true, out); })) return absl::OkStatus();
  return absl::DataLossError("the public half of a struct is broken");
}

absl::Status Split::WritePersonal(std::span<std::uint64_t> out) const {
  if (KjAccepts([&] { Write(false, out); })) return absl::OkStatus();
  return absl::DataLossError("the personal half of a struct is broken");
}

void Split::Write(bool want_public, std::span<std::uint64_t> out) const {
  const DataSection data = plaintext_.getDataSection();
  const auto pointers = plaintext_.getPointerSection();
  capnp::FlatMessageBuilder message(AsCapnp(out));
  auto half = InitStruct(message, public_bits_.size(), pointers.size());
  for (std::size_t word = 0; word < public_bits_.size(); ++word) {
    const std::uint64_t wanted = want_public ? public_bits_[word] : ~public_bits_[word];
    const std::uint64_t value = WordAt(data, word) & wanted;
    std::memcpy(half.getDataSection().begin() + word * kWordBytes, &value, kWordBytes);
  }
  auto half_pointers = half.getPointerSection();
  for (capnp::uint i = 0; i < pointers.size(); ++i) {
    if (public_pointers_[i] == want_public) half_pointers[i].set(pointers[i]);
  }
  message.requireFilled();
}

namespace {

// Reads the halves of one struct together.  Reading and writing run inside KjAccepts(); false: not
// halves of one struct.
class Halves {
 public:
  bool Read(std::span<const Words> halves) {
    for (const Words half : halves) most_words_ += half.size();
    for (const Words half : halves) {
      const auto root = halves_[count_++].emplace(half, Options()).message.getRoot<Any>();
      if (!root.isStruct()) return false;
      capnp::AnyStruct::Reader& contents = halves_[count_ - 1]->contents;
      contents = root.getAs<capnp::AnyStruct>();
      data_words_ = std::max(data_words_, WordsOf(contents.getDataSection()));
      pointers_ = std::max<std::size_t>(pointers_, contents.getPointerSection().size());
    }
    return Measure();
  }
  std::size_t words() const { return words_; }

  bool Write(std::span<std::uint64_t> out) const {
    capnp::FlatMessageBuilder message(AsCapnp(out));
    auto whole = InitStruct(message, data_words_, pointers_);
    for (std::size_t i = 0; i < count_; ++i) {
      if (!Add(halves_[i]->contents, whole)) return false;
    }
    message.requireFilled();
    return true;
  }

 private:
  using Any = capnp::AnyPointer;

  struct Half {
    Half(Words words, const capnp::ReaderOptions& options)
        : segment(kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size())),
          message(kj::arrayPtr(&segment, 1), options) {}
    const kj::ArrayPtr<const capnp::word> segment;
    capnp::SegmentArrayMessageReader message;
    capnp::AnyStruct::Reader contents;
  };

  capnp::ReaderOptions Options() const {
    capnp::ReaderOptions options;
    // Twice what readers of records allow, since all is measured and then copied.
    options.traversalLimitInWords = 32 * most_words_ + 2048;
    return options;
  }

  // Objects that are named twice would be copied twice: such halves were never written by Split.
  bool Measure() {
    words_ = kRootWords + data_words_ + pointers_;
    for (std::size_t i = 0; i < count_; ++i) {
      for (const auto pointer : halves_[i]->contents.getPointerSection()) {
        words_ += pointer.targetSize().wordCount;
      }
    }
    return words_ <= most_words_;
  }

  static bool Add(capnp::AnyStruct::Reader half, capnp::AnyStruct::Builder whole) {
    const DataSection data = half.getDataSection();
    for (std::size_t word = 0; word < WordsOf(data); ++word) {
      std::uint8_t* const at = whole.getDataSection().begin() + word * kWordBytes;
      std::uint64_t value;
      std::memcpy(&value, at, kWordBytes);
      const std::uint64_t more = WordAt(data, word);
      if ((value & more) != 0) return false;
      value |= more;
      std::memcpy(at, &value, kWordBytes);
    }
    const auto pointers = half.getPointerSection();
    auto whole_pointers = whole.getPointerSection();
    for (capnp::uint i = 0; i < pointers.size(); ++i) {
      if (pointers[i].isNull()) continue;
      if (!whole_pointers[i].isNull()) return false;
      whole_pointers[i].set(pointers[i]);
    }
    return true;
  }

  std::size_t count_ = 0;
  std::array<std::optional<Half>, esp1::kMaxSegments + 1> halves_;
  std::size_t most_words_ = 0;
  std::size_t data_words_ = 0;
  std::size_t pointers_ = 0;
  std::size_t words_ = 0;
};

}  // namespace

absl::StatusOr<WipedWords> Merge(std::span<const Words> parts) {
  Halves halves;
  WipedWords whole;
  bool fit = false;
  const bool sound = KjAccepts([&] {
    if (!halves.Read(parts)) return;
    whole = WipedWords(halves.words());
    fit = halves.Write(whole.words());
  });
  if (!sound || !fit) return StatusOf(Answer::kMalformed, "its halves do not fit together");
  return whole;
}

}  // namespace commander::crypto
