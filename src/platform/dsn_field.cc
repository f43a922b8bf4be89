#include "platform/dsn_field.h"

#include "platform/dsn.h"

namespace vigie::platform {
namespace {

// Between quotes, the name of a database may hold a line break; a line of text may not.
bool breaks_a_line(const yaml::Node* node) {
  return node != nullptr && node->is_scalar() && node->text.find('\n') < node->text.find('\0');
}

void read_text(yaml::Fields& fields, std::string& text) {
  if (breaks_a_line(fields.self().find("dsn")))
    text = fields.node("dsn", yaml::Need::required)->text;
  else
    fields.text("dsn", text, yaml::Need::required);
}

}  // namespace

void read_dsn(yaml::Fields& fields, Dsn& dsn) {
  read_text(fields, dsn.text);
  fields.absolute_path("password_file", dsn.password_file);
  if (dsn.text.empty()) return;
  auto mistake = check_dsn(dsn.text);
  if (!mistake) return;
  const Problems::Scope scope(fields.problems(), "dsn");
  fields.problems().mistake(fields.self().find("dsn")->place, mistake->code,
                            std::move(mistake->found), std::move(mistake->expected),
                            std::move(mistake->nearest));
}

}  // namespace vigie::platform
