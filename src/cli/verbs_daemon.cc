// vigie serve, check-config, migrate, version, completion, manual
#include <fmt/format.h>

#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/completion.h"
#include "cli/doctor.h"
#include "config/report.h"

namespace vigie::cli {
namespace {

int serve(Context& context) {
  return context.hooks().serve(context.config_path());
}

int check_config(Context& context) {
  if (context.arguments().flag("--example")) {
    context.console().data(config::example());
    return 0;
  }
  const auto loaded = config::load(*context.hooks().files, context.config_path());
  if (context.as_table()) {
    context.console().data(config::as_text(loaded));
  } else {
    context.value(config::as_json(loaded));
  }
  return loaded.config ? 0 : 2;
}

Result<std::string> release_of_daemon(Context& context) {
  // 503 comes with the same document: a daemon that is not ready has a release all the same.
  TRY_ASSIGN(const Answer readiness, context.answer({.target = "/readiness"}));
  const json::object* const document = readiness.body.if_object();
  const json::object* const service =
      document == nullptr ? nullptr : find_object(*document, "service");
  return service == nullptr ? std::string() : text_of(*service, "version");
}

// For whoever wants to know before the daemon starts; each start does the same.
int migrate(Context& context) {
  const auto opened = context.open_state();
  if (!opened) return context.report(opened.error());
  const auto release = *opened ? context.hooks().version : release_of_daemon(context);
  if (!release) return context.report(release.error());
  const bool ours = *release == context.hooks().version;
  if (!context.as_table()) {
    context.value(json::object{{"state", (*context.config())->state.dir},
                               {"release", *release},
                               {"by", *opened ? "command" : "daemon"}});
  } else {
    context.console().data(
        fmt::format("{} is as release {} writes it\n", (*context.config())->state.dir, *release));
  }
  if (!ours)
    context.console().words("vigie: its daemon is of that release: systemctl restart vigie");
  return ours ? 0 : 5;
}

int version(Context& context) {
  if (context.as_table()) {
    context.console().data(fmt::format("vigie {}\n", context.hooks().version));
  } else {
    context.value(json::object{{"name", "vigie"}, {"version", context.hooks().version}});
  }
  return 0;
}

int completion(Context& context) {
  const auto script = completion_script(context.arguments().operand("SHELL"), verbs());
  if (!script) return context.report(script.error());
  context.console().data(*script);
  return 0;
}

int manual(Context& context) {
  context.console().data(manual_page(verbs(), context.hooks().version));
  return 0;
}

}  // namespace

std::vector<VerbSpec> daemon_verbs() {
  return {
      {"serve",
       "Runs the daemon: schedules, status, HTTP. TERM ends it, HUP reloads",
       "  vigie serve -c /etc/vigie/vigie.yaml\n",
       {},
       {},
       serve},
      {"check-config",
       "Every mistake of the configuration at once",
       "  vigie check-config -c vigie.yaml\n  vigie check-config -o json\n  vigie check-config "
       "--example > vigie.yaml\n",
       {},
       {{"--example", "", "Only prints an example with every key and its default"}},
       check_config},
      {"doctor",
       "Looks at everything that a backup needs, and changes nothing",
       "  vigie doctor\n  vigie doctor -o json\n",
       {},
       {},
       doctor},
      {"migrate",
       "Brings the state folder forward to this release, as each start of the daemon does",
       "  vigie migrate\n",
       {},
       {},
       migrate},
      {"version", "The release of this program", "  vigie version\n", {}, {}, version},
      {"completion",
       "Prints the completion of a shell",
       "  vigie completion bash > /etc/bash_completion.d/vigie\n",
       {{"SHELL", "bash, zsh or fish"}},
       {},
       completion},
      {"manual", "Prints the manual page", "  vigie manual | man -l -\n", {}, {}, manual},
  };
}

}  // namespace vigie::cli
