// vigie evidence export
#include <fmt/format.h>

#include "base/encoding.h"
#include "cli/cells.h"
#include "cli/evidence.h"
#include "cli/export_writer.h"
#include "cli/paging.h"

namespace vigie::cli {
namespace {

constexpr size_t kPage = 500;

// Where the bytes go: stdout, or a file that is there whole or not at all.
class Sink {
 public:
  Sink(Context& context, std::string file) : context_(context), path_(std::move(file)) {}
  ~Sink() {
    if (file_) (void)files().remove_file(temporary());  // it was not finished
  }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  Result<> open() {
    if (to_stdout()) return {};
    const auto there = files().info(path_);
    if (there) return fail(ErrorCode::file_exists, {{"path", path_.string()}});
    (void)files().remove_file(temporary());  // of a command that died; most often it is not there
    TRY_ASSIGN(file_, files().create(temporary(), 0600));
    return {};
  }
  Result<> put(std::string_view text) {
    if (!to_stdout()) return file_->append(as_bytes(text));
    context_.console().data(text);
    if (context_.console().failure() == 0) return {};
    return fail(ErrorCode::cancelled, {{"reason", "nobody reads on"}});
  }
  Result<> finish() {
    if (to_stdout()) return {};
    TRY(file_->sync());
    TRY(file_->close());
    TRY(files().rename_new(temporary(), path_));
    file_.reset();
    return files().sync_folder(folder());
  }
  bool to_stdout() const { return path_.empty() || path_ == "-"; }

 private:
  platform::FileSystem& files() { return *context_.hooks().files; }
  platform::Path folder() const {
    return path_.has_parent_path() ? path_.parent_path() : platform::Path(".");
  }
  platform::Path temporary() const { return folder() / ("." + path_.filename().string() + ".tmp"); }

  Context& context_;
  platform::Path path_;
  std::unique_ptr<platform::WritableFile> file_;
};

std::string target_of(const Arguments& arguments) {
  std::string target = fmt::format("/v1/evidence?limit={}", kPage);
  for (const char* filter : {"kind", "from", "to"}) {
    const auto value = arguments.option(std::string("--") + filter);
    if (value) target += fmt::format("&{}={}", filter, percent_encode(*value));
  }
  return target;
}

// 0 when there is none.
uint64_t count_in(const json::object* object, std::string_view key) {
  const json::value* const value = object == nullptr ? nullptr : find_value(*object, key);
  json::error_code error;
  const uint64_t number = value == nullptr ? 0 : value->to_number<uint64_t>(error);
  return error ? 0 : number;
}

uint64_t seq_of(const json::object& entry) {
  return count_in(&entry, "seq");
}

// Those up to `last`: what comes meanwhile is not in the head's counts.
Result<> each_entry(Context& context, uint64_t last,
                    const std::function<Result<>(const json::object&)>& use) {
  return each_page(context, target_of(context.arguments()),
                   [&](const json::array& items) -> Result<> {
                     if (context.hooks().stop.stop_requested())
                       return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
                     for (const json::value& item : items) {
                       if (!item.is_object() || seq_of(item.get_object()) > last) continue;
                       TRY(use(item.get_object()));
                     }
                     return {};
                   });
}

Result<json::object> object_of(Result<json::value> answer) {
  if (!answer) return fail(answer.error());
  if (answer->is_object()) return std::move(answer->get_object());
  return fail(ErrorCode::internal_error, {{"reason", "no object"}});
}

constexpr std::string_view kCheckpoint = "/v1/evidence/checkpoint";

// The checkpoint up to an entry, with what the ledger says of itself.
Result<json::object> ask_checkpoint(Context& context, const std::string& query) {
  return object_of(context.ask({.target = std::string(kCheckpoint) + query}));
}

// Whoever ended orderly has signed what it wrote last.
Result<json::object> ask_end_alone(Context& context) {
  TRY_ASSIGN(json::object answer, ask_checkpoint(context, ""));
  const uint64_t last = count_in(find_object(answer, "ledger"), "last_seq");
  if (count_in(find_object(answer, "checkpoint"), "size") < last)
    context.console().words(
        "The newest entries are not signed, so that no key vouches for them: a daemon that starts "
        "signs them.");
  return answer;
}

// What is exported is to be signed to its end.
Result<json::object> ask_end(Context& context) {
  TRY_ASSIGN(const bool alone, context.alone());
  if (alone) return ask_end_alone(context);
  auto made = object_of(context.ask({.method = "POST", .target = std::string(kCheckpoint)}));
  if (made) return made;
  context.console().words(
      fmt::format("The newest entries could not be signed, so that no key vouches for them: {}",
                  context.detail_of(made.error())));
  return ask_checkpoint(context, "");
}

json::value member(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  return value == nullptr ? json::value(nullptr) : *value;
}

void take_ledger(const json::object& answer, ExportHead& head) {
  const json::object* ledger = find_object(answer, "ledger");
  if (ledger == nullptr) return;
  head.last_seq = count_in(ledger, "last_seq");
  head.head = text_of(*ledger, "head");
}

Result<ExportHead> make_head(Context& context) {
  const Arguments& arguments = context.arguments();
  ExportHead head;
  head.from = arguments.option("--from").value_or("");
  head.to = arguments.option("--to").value_or("");
  head.kind = arguments.option("--kind").value_or("");
  head.generated_at = context.hooks().clock->now();
  head.version = context.hooks().version;
  TRY_ASSIGN(const json::object now, ask_end(context));
  take_ledger(now, head);
  head.newest = member(now, "checkpoint");
  uint64_t last = 0;
  TRY(each_entry(context, head.last_seq, [&](const json::object& entry) -> Result<> {
    ++head.entries;
    ++head.counts[{text_of(entry, "kind"), text_of(entry, "result")}];
    last = seq_of(entry);
    return {};
  }));
  TRY_ASSIGN(const json::object reached, ask_checkpoint(context, fmt::format("?up_to={}", last)));
  head.checkpoint = member(reached, "checkpoint");
  head.public_key = text_of(reached, "public_key");
  return head;
}

std::unique_ptr<ExportWriter> writer_of(const std::string& format) {
  if (format == "csv") return make_csv_writer();
  return format == "json" ? make_json_writer() : make_html_writer();
}

Result<uint64_t> write_export(Context& context, Sink& sink) {
  TRY(sink.open());
  TRY_ASSIGN(const ExportHead head, make_head(context));
  const auto writer = writer_of(context.arguments().option("--format").value_or("html"));
  TRY(sink.put(writer->begin(head)));
  TRY(each_entry(context, head.last_seq,
                 [&](const json::object& entry) { return sink.put(writer->entry(entry)); }));
  TRY(sink.put(writer->end()));
  TRY(sink.finish());
  return head.entries;
}

}  // namespace

int evidence_export(Context& context) {
  const std::string file = context.arguments().option("--file").value_or("-");
  Sink sink(context, file);
  const auto written = write_export(context, sink);
  if (!written && context.console().failure() != 0) return 1;
  if (!written) return context.report(written.error());
  if (!sink.to_stdout())
    context.console().words(fmt::format("{} entries in {}", *written, printable(file)));
  return 0;
}

}  // namespace vigie::cli
