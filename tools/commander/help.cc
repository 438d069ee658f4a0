#include "tools/commander/help.h"

#include <utility>

namespace commander::cli {

std::string ExamplesFirst::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string help = app->get_footer();
  if (!help.empty()) help = "Examples:\n" + help + "\n\n";
  return help + CLI::Formatter::make_help(app, std::move(name), mode);
}

std::string ExamplesFirst::make_usage(const CLI::App* app, std::string) const {
  std::string names;
  for (const CLI::App* at = app; at != nullptr; at = at->get_parent()) {
    names = at->get_name() + (names.empty() ? "" : " " + names);
  }
  std::string usage = "\nUsage: " + names + " [OPTIONS]";
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_type_name();
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  if (!app->get_subcommands({}).empty()) usage += " SUBCOMMAND";
  return usage + "\n";
}

std::string ExamplesFirst::make_footer(const CLI::App*) const { return {}; }

}  // namespace commander::cli
