#include "store/rocks_logger.h"

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace commander::store {
namespace {

std::string Format(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) return format;
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

class SinkLogger : public rocksdb::Logger {
 public:
  SinkLogger(LogSink sink, std::string store)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL),
        sink_(std::move(sink)),
        store_(std::move(store)) {}

  using Logger::Logv;

  // Headers list all options of the database at every opening, whatever the level.
  void LogHeader(const char*, va_list) override {}

  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (!sink_ || level < GetInfoLogLevel() || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
    sink_({.level =
               level == rocksdb::InfoLogLevel::WARN_LEVEL ? LogLevel::kWarning : LogLevel::kError,
           .component = "rocksdb",
           .message = Format(format, arguments),
           .fields = {{"store", store_}}});
  }

 protected:
  rocksdb::Status CloseImpl() override { return rocksdb::Status::OK(); }

 private:
  const LogSink sink_;
  const std::string store_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> NewRocksLogger(LogSink sink, std::string store) {
  return std::make_shared<SinkLogger>(std::move(sink), std::move(store));
}

}  // namespace commander::store
