// help.h: help that starts with examples.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace commander::cli {

// Shows an application's footer, its examples, before everything else.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;
};

}  // namespace commander::cli
