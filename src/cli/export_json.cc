// An export that can be verified by itself: the entries stand in it as they stand in the ledger, a
// line each.
#include "cli/export_writer.h"

namespace vigie::cli {
namespace {

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

class JsonWriter final : public ExportWriter {
 public:
  std::string begin(const ExportHead& head) override {
    json::array counts;
    for (const auto& [key, count] : head.counts)
      counts.push_back(json::object{{"kind", key.first}, {"result", key.second}, {"count", count}});
    // "entries" is its last member: what follows is left open.
    const json::object object{
        {"checkpoint", head.checkpoint},
        {"count", head.entries},
        {"counts", std::move(counts)},
        {"generated_at", format_rfc3339(head.generated_at)},
        {"ledger", {{"last_seq", head.last_seq}, {"head", or_null(head.head)}}},
        {"newest_checkpoint", head.newest},
        {"period",
         {{"from", or_null(head.from)}, {"to", or_null(head.to)}, {"kind", or_null(head.kind)}}},
        {"public_key", or_null(head.public_key)},
        {"schema", "vigie.evidence-export/1"},
        {"version", head.version}};
    std::string text = canonical_json(object);
    text.pop_back();
    return text + ",\"entries\":[\n";
  }

  std::string entry(const json::object& entry) override {
    std::string text = std::exchange(first_, false) ? "" : ",\n";
    return text + canonical_json(entry) + "\n";
  }

  std::string end() override { return "]}\n"; }

 private:
  bool first_ = true;
};

}  // namespace

std::unique_ptr<ExportWriter> make_json_writer() {
  return std::make_unique<JsonWriter>();
}

}  // namespace vigie::cli
