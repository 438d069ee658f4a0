#include "tools/commander/help.h"

#include <utility>

namespace commander::cli {

std::string ExamplesFirst::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string help = app->get_footer();
  if (!help.empty()) help = "Examples:\n" + help + "\n\n";
  return help + CLI::Formatter::make_help(app, std::move(name), mode);
}

std::string ExamplesFirst::make_footer(const CLI::App*) const { return {}; }

}  // namespace commander::cli
