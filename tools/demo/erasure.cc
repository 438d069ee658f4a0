#include "tools/demo/erasure.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "commander/internal/status_macros.h"
#include "tools/demo/kafka_records.h"
#include "tools/demo/log_prefix.h"
#include "tools/demo/people.h"
#include "tools/demo/report.h"
#include "tools/demo/search.h"
#include "tools/demo/session.h"
#include "tools/demo/text_scanner.h"
#include "tools/demo/unmarked.h"

namespace commander::demo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSeveral = 2;  // source packages

// Everything that can be asked, at one time.
struct Answers {
  std::string tables;
  std::string rows;  // every one
  std::vector<ProjectionEntry<Uploader>> people;
};

absl::StatusOr<Answers> Ask(Session& session) {
  COMMANDER_RETURN_IF_ERROR(session.engine().AwaitReady());
  Answers answers;
  COMMANDER_ASSIGN_OR_RETURN(answers.tables, Tables(session.engine(), session.debian()));
  COMMANDER_ASSIGN_OR_RETURN(answers.rows, EveryRow(session.engine(), session.debian()));
  COMMANDER_ASSIGN_OR_RETURN(answers.people,
                             UploadersByActivity(session.engine(), session.debian()));
  return answers;
}

absl::StatusOr<Answers> OpenAndAsk(const Place& place) {
  COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open(place));
  COMMANDER_ASSIGN_OR_RETURN(Answers answers, Ask(*session));
  COMMANDER_RETURN_IF_ERROR(session->Close());
  return answers;
}

struct Chosen {
  std::string email;
  Person person;
  ProjectionEntry<Uploader> row;  // as it was before
};

absl::StatusOr<std::string> ReadEmail(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    return absl::InvalidArgumentError("cannot read an address from the first line of " + path);
  }
  return FoldCase(Trim(line));
}

bool CanBeSearched(const Person& person) {
  return std::all_of(person.names.begin(), person.names.end(),
                     [](const std::string& name) { return name.size() >= Needles::kLeastBytes; });
}

// The first of `rows` whom `suits` accepts and the changelogs name.
template <class Suits>
absl::StatusOr<Chosen> Choose(const std::vector<ProjectionEntry<Uploader>>& rows,
                              const std::map<std::string, Person>& people, Suits suits,
                              const std::string& nobody) {
  for (const ProjectionEntry<Uploader>& row : rows) {
    const auto at = people.find(row.row.email);
    if (row.row.erased() || at == people.end() || !suits(at->first, at->second)) continue;
    return Chosen{at->first, at->second, row};
  }
  return absl::NotFoundError(nobody);
}

absl::StatusOr<Chosen> Choose(const ErasureOptions& options, const Answers& before) {
  COMMANDER_ASSIGN_OR_RETURN(const auto people, ReadPeople(options.input));
  if (options.email_file.has_value()) {
    COMMANDER_ASSIGN_OR_RETURN(const std::string email, ReadEmail(*options.email_file));
    return Choose(
        before.people, people,
        [&](const std::string& other, const auto&) { return other == email; },
        absl::StrCat("the address in ", *options.email_file,
                     " is of nobody who released something and is not erased yet"));
  }
  return Choose(
      before.people, people,
      [](const std::string&, const Person& person) {
        return person.sources.size() >= kSeveral && CanBeSearched(person);
      },
      absl::StrCat("nobody of ", kSeveral,
                   " source packages is left to erase; name somebody with --erase FILE"));
}

// What every row has to say afterwards.
std::string WithoutPerson(const std::string& rows, const ProjectionEntry<Uploader>& row) {
  return absl::StrReplaceAll(
      rows, {{absl::StrCat(" ", row.row.name, " <", row.row.email, ">\n"), "  <>\n"}});
}

// A directory beside `data`, removed with all it holds.
class Beside {
 public:
  static absl::StatusOr<std::unique_ptr<Beside>> Make(const std::string& data) {
    std::string path = KekFile(data);
    path.replace(path.rfind(".kek"), std::string::npos, ".unmarked-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) {
      return absl::InternalError(
          absl::StrCat("cannot make ", path, ": ", std::generic_category().message(errno)));
    }
    return std::unique_ptr<Beside>(new Beside(path));
  }
  ~Beside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit Beside(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

class Show {
 public:
  Show(const ErasureOptions& options, std::ostream& out)
      : options_(options), place_{options.data, options.brokers}, out_(out) {}

  absl::StatusOr<bool> Run() {
    COMMANDER_ASSIGN_OR_RETURN(const Answers before, OpenAndAsk(place_));
    COMMANDER_ASSIGN_OR_RETURN(const Chosen chosen, Choose(options_, before));
    std::set<std::string> names = chosen.person.names;
    names.insert(chosen.row.row.name);
    const Needles needles(chosen.email, names);
    out_ << "\nErasing an uploader of " << chosen.person.sources.size() << " source packages\n  "
         << Line(chosen.row) << "\n\n";
    if (!needles.has_email() || !needles.has_name()) {
      out_ << "Too short to search for: " << (needles.has_email() ? "the name" : "the address")
           << "\n";
    }
    COMMANDER_RETURN_IF_ERROR(ExpectNothing("before the erasure", place_, needles));
    COMMANDER_ASSIGN_OR_RETURN(const LogBytes log, ReadLog());

    COMMANDER_ASSIGN_OR_RETURN(const Answers after, Erase(chosen));
    out_ << after.tables << "\n";
    const auto erased = std::find_if(after.people.begin(), after.people.end(),
                                     [&](const auto& row) { return row.key == chosen.row.key; });
    const bool kept = erased != after.people.end() && erased->row.erased();
    Say(kept && after.rows == WithoutPerson(before.rows, chosen.row),
        "every row of every table is as before, but for the name");
    if (kept) out_ << "  " << Line(*erased) << "\n";
    COMMANDER_ASSIGN_OR_RETURN(const bool unchanged, LogBeginsWith(log));
    Say(unchanged, absl::StrFormat("the %d bytes that the log had are unchanged", log.bytes));
    COMMANDER_RETURN_IF_ERROR(ExpectNothing("after the erasure", place_, needles));

    COMMANDER_RETURN_IF_ERROR(DeleteStores());
    COMMANDER_ASSIGN_OR_RETURN(const Answers rebuilt, OpenAndAsk(place_));
    Say(rebuilt.rows == after.rows && rebuilt.tables == after.tables,
        "the stores, deleted and made again from the log, answer the same");
    COMMANDER_RETURN_IF_ERROR(ExpectNothing("in the stores made again", place_, needles));
    COMMANDER_RETURN_IF_ERROR(SearchUnmarked(chosen, needles));
    return ok_;
  }

 private:
  void Say(bool ok, const std::string& what) {
    ok_ = ok_ && ok;
    out_ << (ok ? "ok      " : "FAILED  ") << what << "\n" << std::flush;
  }

  // Needles in data directory and stores, and in the topics on Kafka.
  static absl::StatusOr<Hits> SearchAll(const Place& place, const Needles& needles, bool ledger) {
    COMMANDER_ASSIGN_OR_RETURN(Hits hits, Search(place.data, needles));
    if (place.brokers.empty()) return hits;
    COMMANDER_ASSIGN_OR_RETURN(const std::string application, KafkaApplication(place.data));
    COMMANDER_RETURN_IF_ERROR(SearchRecords({place.brokers, application, ledger}, needles, &hits));
    return hits;
  }

  absl::StatusOr<LogBytes> ReadLog() const {
    if (place_.brokers.empty()) return ReadLogBytes(place_.data);
    COMMANDER_ASSIGN_OR_RETURN(std::string application, KafkaApplication(place_.data));
    return ReadLogBytes(KafkaRecords{place_.brokers, std::move(application)});
  }
  absl::StatusOr<bool> LogBeginsWith(const LogBytes& before) const {
    if (place_.brokers.empty()) return BeginsWith(place_.data, before);
    COMMANDER_ASSIGN_OR_RETURN(std::string application, KafkaApplication(place_.data));
    return BeginsWith(KafkaRecords{place_.brokers, std::move(application)}, before);
  }

  static std::string Describe(const Hits& hits) {
    if (hits.records_read > 0) {
      return absl::StrFormat(
          "address %d times in files, %d in rows, %d in records on Kafka; name %d, %d, %d\n"
          "          (%d files of %d bytes, %d rows, %d records)",
          hits.files.email, hits.rows.email, hits.records.email, hits.files.name, hits.rows.name,
          hits.records.name, hits.files_read, hits.bytes_read, hits.rows_read, hits.records_read);
    }
    return absl::StrFormat(
        "address %d times in files, %d in rows; name %d in files, %d in rows\n"
        "          (%d files of %d bytes, %d rows)",
        hits.files.email, hits.rows.email, hits.files.name, hits.rows.name, hits.files_read,
        hits.bytes_read, hits.rows_read);
  }

  absl::Status ExpectNothing(const std::string& when, const Place& place, const Needles& needles) {
    COMMANDER_ASSIGN_OR_RETURN(const Hits hits, SearchAll(place, needles, true));
    Say(hits.files == Needles::Count() && hits.rows == Needles::Count() &&
            hits.records == Needles::Count(),
        absl::StrCat("search ", when, ": ", Describe(hits)));
    return absl::OkStatus();
  }

  absl::Status ExpectPerson(const std::string& when, const Place& place, const Needles& needles) {
    COMMANDER_ASSIGN_OR_RETURN(const Hits hits, SearchAll(place, needles, false));
    const auto found = [&](const Needles::Count& count) {
      return (count.email > 0 || !needles.has_email()) && (count.name > 0 || !needles.has_name());
    };
    Say(found(place.brokers.empty() ? hits.files : hits.records) && found(hits.rows),
        absl::StrCat("search ", when, ": ", Describe(hits)));
    return absl::OkStatus();
  }

  absl::StatusOr<Answers> Erase(const Chosen& chosen) {
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open(place_));
    COMMANDER_ASSIGN_OR_RETURN(
        const ErasureReceipt receipt,
        session->engine().privacy().Erase({kNameSpace, chosen.email}, "commander-demo --erase"));
    Say(receipt.pseudonym == chosen.row.key,
        absl::StrCat("erased ", receipt.pseudonym.substr(0, 8), ", as ", receipt.erasure,
                     " in the ledger, in ",
                     absl::FormatDuration(receipt.completed - receipt.requested)));
    COMMANDER_ASSIGN_OR_RETURN(Answers answers, Ask(*session));
    COMMANDER_RETURN_IF_ERROR(session->Close());
    return answers;
  }

  absl::Status DeleteStores() {
    std::error_code error;
    for (const char* const name : {"store", "projections"}) {
      fs::remove_all(fs::path(options_.data) / name, error);
      if (error) {
        return absl::InternalError(absl::StrCat("cannot delete ", name, ": ", error.message()));
      }
    }
    return absl::OkStatus();
  }

  // A search that finds nothing proves nothing, unless it finds what is there.
  absl::Status SearchUnmarked(const Chosen& chosen, const Needles& needles) {
    COMMANDER_ASSIGN_OR_RETURN(const std::unique_ptr<Beside> beside, Beside::Make(options_.data));
    const Place unmarked{beside->path(), options_.brokers};
    COMMANDER_RETURN_IF_ERROR(StoreUnmarked(unmarked, chosen.person));
    COMMANDER_RETURN_IF_ERROR(ExpectPerson("with the marks off, before", unmarked, needles));
    const absl::Status refused = EraseUnmarked(unmarked, chosen.email);
    Say(ErrorCodeOf(refused) == "commander.no_keys",
        "with the marks off there is no key to destroy: erasing is refused");
    COMMANDER_RETURN_IF_ERROR(ExpectPerson("with the marks off, after", unmarked, needles));
    if (unmarked.brokers.empty()) return absl::OkStatus();
    COMMANDER_ASSIGN_OR_RETURN(const std::string application, KafkaApplication(unmarked.data));
    out_ << "The broker keeps the topics " << application
         << "-*, which hold these releases without marks: delete them\n";
    return absl::OkStatus();
  }

  const ErasureOptions& options_;
  const Place place_;
  std::ostream& out_;
  bool ok_ = true;
};

}  // namespace

absl::StatusOr<bool> ShowErasure(const ErasureOptions& options, std::ostream& out) {
  return Show(options, out).Run();
}

}  // namespace commander::demo
