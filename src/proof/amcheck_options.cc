#include "proof/options.h"

namespace vigie::proof {

AmcheckOptions AmcheckOptions::parse(const std::string& name, yaml::Fields& fields) {
  AmcheckOptions options;
  options.name = name;
  options.place = fields.self().place;
  fields.name("database", options.database, yaml::Need::required);
  const yaml::Node* const database = fields.self().find("database");
  options.database_place = database == nullptr ? options.place : database->place;
  fields.text("user", options.user);
  fields.absolute_path("password_file", options.password_file);
  fields.flag("heapallindexed", options.heapallindexed);
  fields.number("jobs", options.jobs, 1, 64);
  return options;
}

}  // namespace vigie::proof
