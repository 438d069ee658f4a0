#include "tools/commander/verbs.h"

#include <memory>
#include <utility>

#include "tools/commander/aggregate_verbs.h"
#include "tools/commander/log_verbs.h"
#include "tools/commander/projection_verbs.h"
#include "tools/commander/store_verbs.h"
#include "tools/commander/subject_verbs.h"

namespace commander::cli {
namespace {

CLI::App* AddNoun(CLI::App& app, const std::string& name, const std::string& description) {
  CLI::App* noun = app.add_subcommand(name, description);
  noun->require_subcommand(1);
  noun->fallthrough();
  return noun;
}

// A verb with options of its own type, which live as long as the verb.
template <typename Options>
std::shared_ptr<Options> AddVerb(CLI::App* noun, Chosen* chosen, const std::string& name,
                                 const std::string& description, const std::string& examples,
                                 absl::StatusOr<Exit> (*run)(const Options&, Context&),
                                 CLI::App** verb) {
  auto options = std::make_shared<Options>();
  *verb = noun->add_subcommand(name, description);
  (*verb)->footer(examples);
  (*verb)->fallthrough();
  (*verb)->callback([=] {
    chosen->run = [=](Context& context) {
      options->data = chosen->data;
      return run(*options, context);
    };
  });
  return options;
}

void AddFilter(CLI::App* verb, LogFilter& filter) {
  verb->add_option("--topic", filter.topics, "Only this topic; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option("--group", filter.group, "Only the topics of this group")->type_name("NAME");
  verb->add_option("--partition", filter.partition, "Only this partition")->type_name("N");
  verb->add_option("--key", filter.key, "Only records of this key")->type_name("KEY");
  verb->add_option("--type", filter.types, "Only messages of this type; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option(
          "--kind", filter.kinds,
          "Only this kind, command, event, rejection, nothing, parked or ledger; may be repeated")
      ->type_name("KIND")
      ->allow_extra_args(false);
  verb->add_option("--limit", filter.limit, "Stop behind so many")->type_name("N");
}

void AddLog(CLI::App& app, Chosen* chosen) {
  CLI::App* log = AddNoun(app, "log", "What is in the log");
  CLI::App* verb = nullptr;
  const auto read = AddVerb<LogReadOptions>(
      log, chosen, "read", "Show the records of a range, oldest first",
      "  commander --data data log read\n"
      "  commander --data data log read -10 --topic accounts-events\n"
      "  commander --data data log read 100:200 --topic accounts-events --partition 3\n"
      "  commander --data data log read @2026-01-31T10:00:00Z @2026-01-31T11:00:00Z\n"
      "  commander --data data log read @-2h --key acct-1 -o json",
      &LogRead, &verb);
  verb->add_option("range", read->range,
                   "start, end, +N, -N, N, N:M, @TIME or @TIME:TIME, in each partition; the first "
                   "is included, the last is not")
      ->type_name("RANGE")
      ->expected(0, 2);
  AddFilter(verb, read->filter);
  verb->add_option("--after", read->after, "Go on where an interrupted call stopped")
      ->type_name("TOKEN")
      ->excludes("range");

  const auto tail = AddVerb<LogTailOptions>(
      log, chosen, "tail", "Show the newest records, and those that come",
      "  commander --data data log tail\n"
      "  commander --data data log tail -f\n"
      "  commander --data data log tail -n 0 -f --kind rejection --limit 1 --timeout 60",
      &LogTail, &verb);
  verb->add_option("-n,--lines", tail->lines, "How many of the newest")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000));
  verb->add_flag("-f,--follow", tail->follow, "Go on with what is written from now on");
  verb->add_option("--timeout", tail->timeout_seconds, "Follow for so many seconds, then exit 3")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9));
  AddFilter(verb, tail->filter);
}

void AddGroup(CLI::App* verb, AggregateOptions& options) {
  verb->add_option("-g,--group", options.group, "The group; needed where there are several")
      ->type_name("NAME");
  verb->add_option("--topic", options.topic, "Topic of its events, unless it is NAME-events")
      ->type_name("NAME");
}

void AddPage(CLI::App* verb, std::string& prefix, std::string& after, std::uint64_t& limit) {
  verb->add_option("--prefix", prefix, "Only keys that begin so")->type_name("KEY");
  verb->add_option("--after", after, "Only keys behind this one")->type_name("KEY");
  verb->add_option("--limit", limit, "Stop behind so many")->type_name("N");
}

void AddAggregate(CLI::App& app, Chosen* chosen) {
  CLI::App* aggregate = AddNoun(app, "aggregate", "The states of groups and how they came about");
  CLI::App* verb = nullptr;
  const auto list = AddVerb<AggregateOptions>(
      aggregate, chosen, "list", "Show the stored states of a group, in order of their keys",
      "  commander --data data aggregate list --group accounts\n"
      "  commander --data data aggregate list --group accounts --prefix acct- --limit 20",
      &AggregateList, &verb);
  AddGroup(verb, *list);
  AddPage(verb, list->prefix, list->after, list->limit);

  const auto show = AddVerb<AggregateOptions>(
      aggregate, chosen, "show",
      "Show a stored state, its version, and how many events the log holds behind it",
      "  commander --data data aggregate show acct-1 --group accounts\n"
      "  commander --data data aggregate show 'a\\x00b' -o json",
      &AggregateShow, &verb);
  verb->add_option("key", show->key, "The aggregate's key, as it is printed")
      ->type_name("KEY")
      ->required();
  AddGroup(verb, *show);

  const auto history = AddVerb<AggregateOptions>(
      aggregate, chosen, "history", "Show the events of an aggregate; reads its whole partition",
      "  commander --data data aggregate history acct-1 --group accounts\n"
      "  commander --data data aggregate history acct-1 v3:v9\n"
      "  commander --data data aggregate history acct-1 --all",
      &AggregateHistory, &verb);
  verb->add_option("key", history->key, "The aggregate's key, as it is printed")
      ->type_name("KEY")
      ->required();
  verb->add_option("versions", history->versions, "v7: from version 7 on; v3:v9: 3 to 8")
      ->type_name("VERSIONS");
  verb->add_flag("--all", history->all, "Show refusals and what had no effect, too");
  verb->add_option("--limit", history->limit, "Stop behind so many")->type_name("N");
  AddGroup(verb, *history);
}

void AddProjection(CLI::App& app, Chosen* chosen) {
  CLI::App* projection = AddNoun(app, "projection", "Read models and how far they are");
  CLI::App* verb = nullptr;
  AddVerb<ProjectionOptions>(projection, chosen, "list",
                             "Show which projections there are, and what lies behind them",
                             "  commander --data data projection list", &ProjectionList, &verb);

  const auto show = AddVerb<ProjectionOptions>(
      projection, chosen, "show", "Show a row, or all rows in order of their keys",
      "  commander --data data projection show balances\n"
      "  commander --data data projection show balances acct-1 -o json\n"
      "  commander --data data projection show balances@1 --prefix acct- --limit 20",
      &ProjectionShow, &verb);
  verb->add_option("name", show->name, "The projection; its newest version unless NAME@VERSION")
      ->type_name("NAME")
      ->required();
  verb->add_option("key", show->key, "The row's key, as it is printed")->type_name("KEY");
  AddPage(verb, show->prefix, show->after, show->limit);
}

void AddStore(CLI::App& app, Chosen* chosen) {
  CLI::App* store = AddNoun(app, "store", "Stores as a whole");
  CLI::App* verb = nullptr;
  const auto verify = AddVerb<StoreOptions>(
      store, chosen, "verify",
      "Read log and stores wholly and name every damage; repairs nothing.  Not found: a state or "
      "row with wrong contents in the right form, which takes a fold",
      "  commander --data data store verify\n"
      "  commander --data data store verify log -o json",
      &StoreVerify, &verb);
  verb->add_option("store", verify->store, "Only log, store/GROUP or projections/NAME@VERSION")
      ->type_name("STORE");

  const auto hash = AddVerb<StoreOptions>(
      store, chosen, "hash",
      "Show what stores hold as one number each, to compare a store with its backup or rebuilt "
      "twin; two compare where their positions are equal.  Remembered ids are left out",
      "  commander --data data store hash\n"
      "  commander --data data store hash projections/balances@1 -o json",
      &StoreHash, &verb);
  verb->add_option("store", hash->store, "Only store/GROUP or projections/NAME@VERSION")
      ->type_name("STORE");
}

void AddSubjectInput(CLI::App* verb, SubjectInput& input) {
  verb->add_option(
          "subject", input.arguments,
          "GROUP:KEY; others, which may be personal, come from a file or, with -, from the "
          "standard input, one a line")
      ->type_name("SUBJECT");
  verb->add_option("--from", input.from,
                   "Read subjects from this file, one a line; -: standard input")
      ->type_name("FILE");
  verb->add_option("--namespace", input.name_space,
                   "What is given are ids in this namespace, instead of NAMESPACE:ID")
      ->type_name("NAME");
}

void AddSubject(CLI::App& app, Chosen* chosen) {
  CLI::App* subject = AddNoun(app, "subject", "Whom personal fields are about; needs the keys");
  CLI::App* verb = nullptr;
  const auto status = AddVerb<SubjectOptions>(
      subject, chosen, "status", "Show of each subject whether it has a key, or was erased",
      "  commander --data data subject status accounts:acct-1\n"
      "  commander --data data subject status --namespace person --from ids.txt",
      &SubjectStatus, &verb);
  AddSubjectInput(verb, status->input);

  const auto show = AddVerb<SubjectOptions>(
      subject, chosen, "show",
      "Show every record, state and row whose personal fields are about a subject",
      "  commander --data data subject show accounts:acct-1\n"
      "  commander --data data --show-personal subject show - < id.txt",
      &SubjectShow, &verb);
  AddSubjectInput(verb, show->input);

  const auto erase = AddVerb<SubjectEraseOptions>(
      subject, chosen, "erase",
      "Destroy the keys of subjects: their personal fields are gone for good, everywhere in the "
      "directory; all else stays.  Prints a receipt each.  Repeating it is harmless",
      "  commander --data data subject erase accounts:acct-1 --dry-run\n"
      "  commander --data data subject erase accounts:acct-1 --reason 'letter of May 4' --yes\n"
      "  commander --data data subject erase --namespace person --from ids.txt --reason 'ticket 7' "
      "--confirm 12",
      &SubjectErase, &verb);
  AddSubjectInput(verb, erase->input);
  verb->add_option("--reason", erase->reason, "Why: recorded, sealed; name no person in it")
      ->type_name("TEXT");
  verb->add_flag("--dry-run", erase->dry_run, "Show what would happen");
  verb->add_flag("--yes", erase->yes, "Do not ask");
  verb->add_option("--confirm", erase->confirm, "Do not ask if so many subjects are given")
      ->type_name("N");
}

}  // namespace

void AddVerbs(CLI::App& app, Chosen* chosen) {
  app.require_subcommand(1);
  app.add_option("-d,--data", chosen->data, "Directory that the engine was opened with")
      ->type_name("DIR")
      ->envname("COMMANDER_DATA");
  app.add_option("-o,--output", chosen->format,
                 "table, json or ndjson; without: table on a terminal, ndjson otherwise")
      ->type_name("FORMAT");
  app.add_option("--bytes", chosen->bytes, "How bytes are shown: base64 or hex")
      ->type_name("FORMAT");
  app.add_flag("--show-personal", chosen->show_personal,
               "Show personal fields; needs the keys, so the engine must not run");
  app.add_option("--kek-file", chosen->keys.kek_file,
                 "The file that unlocks the keys; without: as the engine's default")
      ->type_name("FILE")
      ->envname("COMMANDER_KEK_FILE");
  app.add_option("--keys", chosen->keys.directory,
                 "Where the keys are; without: keys/ in the data directory")
      ->type_name("DIR");
  AddLog(app, chosen);
  AddAggregate(app, chosen);
  AddProjection(app, chosen);
  AddStore(app, chosen);
  AddSubject(app, chosen);
}

}  // namespace commander::cli
