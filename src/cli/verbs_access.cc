// vigie token …, vigie grants
#include <fmt/format.h>

#include <set>

#include "backup/grants.h"
#include "base/encoding.h"
#include "cli/all_verbs.h"
#include "cli/cells.h"
#include "cli/human_act.h"
#include "cli/paging.h"
#include "platform/postgres_conninfo.h"

namespace vigie::cli {
namespace {

int token_create(Context& context) {
  const Arguments& arguments = context.arguments();
  json::object body = act_body(context);
  body["scope"] = arguments.option("--scope").value_or("read");
  body["expires_in"] = arguments.option("--expires").value_or("90d");
  if (const auto name = arguments.option("--name")) body["name"] = *name;
  const auto value = context.ask({"POST", "/v1/tokens", std::move(body)});
  if (!value) return context.report(value.error());
  if (!context.as_table()) {
    context.value(*value);
    return 0;
  }
  const json::object empty;
  const json::object& token = value->is_object() ? value->get_object() : empty;
  context.console().data(text_of(token, "token") + "\n");
  context.console().words(fmt::format(
      "Token {} with the scope {}, until {}. It is shown this once.", text_of(token, "id"),
      text_of(token, "scope"), time_cell(token, "expires_at").text));
  return 0;
}

int token_list(Context& context) {
  const auto value = context.ask({.target = "/v1/tokens"});
  if (!value) return context.report(value.error());
  const json::array* items = find_items(*value);
  context.list(items == nullptr ? json::array() : *items,
               {{{"ID"}, [](const json::object& o) { return text_cell(o, "id"); }},
                {{"SCOPE"}, [](const json::object& o) { return text_cell(o, "scope"); }},
                {{"CREATED"}, [](const json::object& o) { return time_cell(o, "created_at"); }},
                {{"EXPIRES"}, [](const json::object& o) { return time_cell(o, "expires_at"); }},
                {{"REVOKED"}, [](const json::object& o) { return time_cell(o, "revoked_at"); }},
                {{"NAME"}, [](const json::object& o) { return text_cell(o, "name"); }}},
               "There is no token yet: vigie token create");
  return 0;
}

int token_revoke(Context& context) {
  const std::string id = context.arguments().operand("ID");
  const auto value = context.ask({"DELETE", "/v1/tokens/" + percent_encode(id), act_body(context)});
  if (!value) return context.report(value.error());
  if (context.as_table()) {
    context.console().words(fmt::format("Token {} is revoked.", id));
  } else {
    context.value(*value);
  }
  return 0;
}

// The names in the server, as far as each dsn tells; else those of vigie.yaml.
std::vector<std::string> server_databases(const config::Config& config) {
  std::vector<std::string> names;
  for (const backup::DatabaseOptions& database : config.databases) {
    const auto info = platform::parse_conninfo(database.dsn);
    const std::string_view name = info ? info->value("dbname") : std::string_view();
    names.emplace_back(name.empty() ? std::string_view(database.name) : name);
  }
  return names;
}

// psql is connected to one server: what it does not find there ends the script halfway.
bool on_several_servers(const config::Config& config) {
  std::set<std::string> servers;
  for (const backup::DatabaseOptions& database : config.databases) {
    const auto info = platform::parse_conninfo(database.dsn);
    if (!info) continue;
    servers.insert(fmt::format("{} {} {} {}", info->value("host"), info->value("hostaddr"),
                               info->value("port"), info->value("service")));
  }
  return servers.size() > 1;
}

// Whom the databases are asked as: a dump's rights are of no use to another role.
Result<std::string> dump_role(const config::Config& config) {
  std::string role;
  for (const backup::DatabaseOptions& database : config.databases) {
    const auto info = platform::parse_conninfo(database.dsn);
    const std::string_view user = info ? info->value("user") : std::string_view();
    if (user.empty() || user == role) continue;
    if (!role.empty()) {
      return fail(ErrorCode::usage,
                  {{"reason", fmt::format("The databases are asked as {} and as {}: say --name, "
                                          "and --database, for each.",
                                          role, user)}});
    }
    role = user;
  }
  return role.empty() ? std::string("vigie") : role;
}

Result<std::string> granted_role(Context& context, backup::GrantRole kind) {
  if (const auto name = context.arguments().option("--name")) return *name;
  if (kind != backup::GrantRole::dump) return std::string("vigie");
  if (context.arguments().option("--database") && !context.config()) return std::string("vigie");
  TRY_ASSIGN(const config::Config* const config, context.config());
  return dump_role(*config);
}

int grants(Context& context) {
  const auto kind = backup::parse_grant_role(context.arguments().option("--role").value_or(""));
  if (!kind) return context.report(kind.error());
  std::vector<std::string> databases;
  if (const auto one = context.arguments().option("--database")) {
    databases.push_back(*one);
  } else {
    const auto config = context.config();
    if (!config) return context.report(config.error());
    databases = server_databases(**config);
    if (on_several_servers(**config)) {
      context.console().words(
          "vigie: the databases of the configuration are on several servers: take those of one "
          "server at a time, with --database");
    }
  }
  const auto role = granted_role(context, *kind);
  if (!role) return context.report(role.error());
  context.console().data(backup::grants_sql(*kind, *role, databases));
  return 0;
}

}  // namespace

std::vector<VerbSpec> access_verbs() {
  return {
      {"token create",
       "Makes a bearer token for the HTTP API; it is shown once",
       "  vigie token create --scope read --expires 90d --name grafana\n  vigie token create "
       "--scope operate -o json\n",
       {},
       {{"--scope", "SCOPE", "What it may do (default read)", "read|operate|admin"},
        {"--expires", "DURATION", "How long it is valid (default 90d)"},
        {"--name", "WORDS", "Whom it is for"},
        reason_option(false),
        reference_option()},
       token_create},
      {"token list",
       "The tokens that there are, never their secrets",
       "  vigie token list\n",
       {},
       {},
       token_list},
      {"token revoke",
       "Ends a token at once",
       "  vigie token revoke 0123456789ab --reason 'laptop was lost'\n",
       {{"ID", "The token's id, from vigie token list"}},
       {reason_option(false), reference_option()},
       token_revoke},
      {"grants",
       "Prints the SQL of a role with the least rights that work",
       "  vigie grants --role dump | sudo -u postgres psql -v ON_ERROR_STOP=1 -d app\n  vigie "
       "grants --role monitor --name "
       "vigie_monitor\n",
       {},
       {{"--role", "KIND", "What the role is for", "dump|monitor|witness", true},
        {"--name", "ROLE", "The role's name (default of dump: the user of the dsns; else vigie)"},
        {"--database", "NAME", "The database in the server; else those of the configuration"}},
       grants},
  };
}

}  // namespace vigie::cli
