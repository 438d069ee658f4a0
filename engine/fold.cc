#include "engine/fold.h"

#include <cxxabi.h>
#include <kj/exception.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "commander/internal/strings.h"

namespace commander::internal {
namespace {

constexpr std::size_t kMaxExceptionText = 1024;

std::string TypeOfException(const std::exception& error) {
  const char* mangled = typeid(error).name();
  int status = 0;
  char* name = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string type = status == 0 ? name : mangled;
  std::free(name);
  return type;
}

}  // namespace

absl::Status DescribeException(std::string_view what, ExceptionText text_told) {
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
    if (text_told == ExceptionText::kWithheld) {
      return absl::InternalError(
          say(absl::StrCat("threw ", TypeOfException(error),
                           ", whose text is withheld because it may quote personal fields")));
    }
    return absl::InternalError(say(error.what()));
  } catch (...) {
    return absl::InternalError(say("threw something that is not a std::exception"));
  }
}

absl::StatusOr<Aggregate> ApplyEvent(const FoldType& fold, Aggregate before,
                                     const EventToFold& event) {
  const EventFold* applied = fold.Find(event.type);
  if (applied == nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        "no list names the event type ", ToAbsl(event.type),
        "; add it to the state's Events<...>, or Ignores<...> to pass over it deliberately"));
  }
  Aggregate after;
  after.version = event.metadata.version;
  after.kid = before.kid;
  after.erased = before.erased;
  if (applied->apply == nullptr) {
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
    if (applied->apply(state.get(), event.payload, event.metadata)) after.state = std::move(state);
    return after;
  } catch (...) {
    return DescribeException(absl::StrCat("fold of ", ToAbsl(event.type)), event.text);
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
                                               std::string_view what, ExceptionText text) {
  std::shared_ptr<void> state;
  try {
    state = fold.make();
    const absl::Status read = ReadStruct(
        words, what, [&](capnp::AnyPointer::Reader stored) { fold.load(state.get(), stored); });
    if (!read.ok()) return read;
  } catch (...) {
    return DescribeException(absl::StrCat("Load of ", ToAbsl(what)), text);
  }
  return state;
}

}  // namespace commander::internal
