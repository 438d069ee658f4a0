#include "engine/fold.h"

#include <kj/exception.h>

#include <exception>
#include <new>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::internal {
namespace {

constexpr std::size_t kMaxExceptionText = 1024;

}  // namespace

absl::Status DescribeException(std::string_view what) {
  const auto say = [&](std::string_view text) {
    return absl::StrCat(ToAbsl(what), ": ", ToAbsl(text.substr(0, kMaxExceptionText)));
  };
  try {
    throw;
  } catch (const kj::Exception& error) {
    // Its description quotes what it read.
    return absl::InternalError(say(absl::StrCat("Cap'n Proto could not read or build a message at ",
                                                error.getFile(), ":", error.getLine())));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(say("out of memory"));
  } catch (const std::exception& error) {
    return absl::InternalError(say(error.what()));
  } catch (...) {
    return absl::InternalError(say("threw something that is not a std::exception"));
  }
}

absl::StatusOr<Aggregate> ApplyEvent(const FoldType& fold, Aggregate before, std::string_view type,
                                     capnp::AnyPointer::Reader payload,
                                     const EventMetadata& metadata) {
  const EventFold* event = fold.Find(type);
  if (event == nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        "no list names the event type ", ToAbsl(type),
        "; add it to the state's Events<...>, or Ignores<...> to pass over it deliberately"));
  }
  Aggregate after;
  after.version = metadata.version;
  if (event->apply == nullptr) {
    after.state = std::move(before.state);
    return after;
  }
  try {
    std::shared_ptr<void> state;
    if (before.state == nullptr) {
      state = fold.make();
    } else if (before.state.use_count() == 1) {
      state = std::const_pointer_cast<void>(std::move(before.state));
    } else {
      state = fold.copy(before.state.get());
    }
    if (event->apply(state.get(), payload, metadata)) after.state = std::move(state);
    return after;
  } catch (...) {
    return DescribeException(absl::StrCat("fold of ", ToAbsl(type)));
  }
}

absl::StatusOr<std::vector<Word>> SaveFold(const FoldType& fold, const void* state) {
  try {
    return FlatStruct([&](capnp::AnyPointer::Builder stored) { fold.save(state, stored); });
  } catch (...) {
    return DescribeException(absl::StrCat("Save of ", fold.schema->name));
  }
}

absl::StatusOr<std::shared_ptr<void>> LoadFold(const FoldType& fold, std::span<const Word> words,
                                               std::string_view what) {
  std::shared_ptr<void> state;
  try {
    state = fold.make();
    const absl::Status read = ReadStruct(
        words, what, [&](capnp::AnyPointer::Reader stored) { fold.load(state.get(), stored); });
    if (!read.ok()) return read;
  } catch (...) {
    return DescribeException(absl::StrCat("Load of ", ToAbsl(what)));
  }
  return state;
}

}  // namespace commander::internal
