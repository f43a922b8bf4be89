#include "cli/run_wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/encoding.h"
#include "cli/cells.h"

namespace vigie::cli {
namespace {

using namespace std::chrono_literals;

std::string bar(double share) {
  constexpr size_t kWidth = 24;
  const auto full = static_cast<size_t>(share * kWidth);
  return "[" + std::string(full, '#') + std::string(kWidth - full, '.') + "]";
}

Result<json::object> read_run(Context& context, const std::string& id) {
  TRY_ASSIGN(auto value, context.ask({.target = "/v1/runs/" + id}));
  if (!value.is_object())
    return fail(ErrorCode::internal_error, {{"reason", "a run that is no object"}});
  return std::move(value.get_object());
}

// What a dump and a restore will come to can only be guessed.
bool is_a_guess(std::string_view phase) {
  return phase == "dump" || phase == "restore";
}

void say_cancelling(Context& context) {
  const auto alone = context.alone();
  const std::string_view then =
      alone && *alone ? "ends it at once, and leaves that behind" : "leaves the rest to the daemon";
  context.console().words(fmt::format(
      "vigie: cancelling the run, which removes what it has made; once more {}.", then));
}

// Until it has ended, or somebody pressed Ctrl-C: then it is cancelled, and its end awaited all the
// same.
Result<json::object> wait_for(Context& context, const std::string& id) {
  bool cancelled = false;
  while (true) {
    TRY_ASSIGN(auto run, read_run(context, id));
    if (has_ended(run)) {
      context.console().transient("");
      return run;
    }
    context.console().transient(progress_line(run));
    const platform::Clock& clock = *context.hooks().clock;
    const bool stop = context.hooks().stop.stop_requested();
    if (stop && !cancelled) {
      cancelled = true;
      say_cancelling(context);
      const auto asked = context.ask({.method = "DELETE",
                                      .target = "/v1/runs/" + id,
                                      .body = json::object{{"reason", "interrupted by a signal"}}});
      // It may have ended in the meantime.
      if (!asked && asked.error().code() != ErrorCode::run_conflict) return fail(asked.error());
    }
    // After Ctrl-C the stop token no longer lets anything sleep.
    clock.sleep_until(clock.monotonic() + 100ms, stop ? std::stop_token() : context.hooks().stop);
  }
}

// Who waits in vain for a daemon shall know where it tells what became of the run.
void say_lost(Context& context, const std::string& id) {
  const auto alone = context.alone();
  if (!alone || *alone) return;
  context.console().words(
      "  what became of the run: " +
      context.with_our_file(fmt::format("vigie run show {}", printable(id, 64))));
}

// A run without a daemon is this process's own.
Result<> refuse_no_wait_alone(Context& context) {
  if (!context.arguments().flag("--no-wait")) return {};
  TRY_ASSIGN(const bool alone, context.alone());
  if (!alone) return {};
  return fail(ErrorCode::usage,
              {{"reason",
                "No daemon answers, so the run would end with this command. Leave out --no-wait, "
                "or start the daemon first: systemctl start vigie."}});
}

}  // namespace

bool has_ended(const json::object& run) {
  const std::string state = text_of(run, "state");
  return state != "queued" && state != "running";
}

std::string progress_line(const json::object& run) {
  if (!has_ended(run) && !text_of(run, "end_unrecorded_since").empty())
    return "has ended; its end is not recorded yet";
  const json::object* progress = find_object(run, "progress");
  if (progress == nullptr) return text_of(run, "state");
  const double done = number(find_value(*progress, "done"));
  const double total = number(find_value(*progress, "total"));
  const double rate = number(find_value(*progress, "rate_per_s"));
  const json::value* remaining = find_value(*progress, "remaining_s");
  const std::string phase = text_of(*progress, "phase");
  const std::string_view about = is_a_guess(phase) ? "about " : "";
  std::string line = printable(phase, 60);
  if (done <= 0) return line;
  const bool in_bytes = text_of(*progress, "unit") == "bytes";
  const auto amount = [&](double n) {
    return in_bytes ? format_bytes({static_cast<uint64_t>(n)}) : fmt::format("{:.0f}", n);
  };
  if (total > done) line += " " + bar(done / total);
  line += "  " + amount(done);
  if (total > done) line += fmt::format(" of {}{}", about, amount(total));
  if (rate > 0) line += "  " + amount(rate) + "/s";
  if (remaining != nullptr && !remaining->is_null() && total > done) {
    const auto seconds = static_cast<int64_t>(std::min(std::ceil(number(remaining)), 1e9));
    line += fmt::format("  {}{} left", about, format_duration(std::chrono::seconds(seconds)));
  }
  return line;
}

int run_exit_code(const json::object& run) {
  const std::string state = text_of(run, "state");
  if (state == "succeeded") return 0;
  if (state == "could_not_verify") return 3;
  if (state == "cancelled" || state == "interrupted") return 130;
  const json::object* error = find_object(run, "error");
  const ErrorInfo* info = error == nullptr ? nullptr : find_error_info(text_of(*error, "code"));
  return info == nullptr ? 1 : info->exit_code;
}

int worse_exit(int a, int b) {
  for (const int code : {130, 1}) {
    if (a == code || b == code) return code;
  }
  return std::max(a, b);
}

namespace {

void print_details(Context& context, const json::object& run) {
  const auto line = [&](std::string_view title, const Cell& cell) {
    if (cell.text != "-") context.console().data(fmt::format("  {:<18} {}\n", title, cell.text));
  };
  line("work", text_cell(run, "kind"));
  line("asked for", time_cell(run, "created_at"));
  line("due", time_cell(run, "due_at"));
  line("began", time_cell(run, "started_at"));
  line("ended", time_cell(run, "ended_at"));
  line("took", seconds_cell(run, "duration_s"));
  line("correlation id", text_cell(run, "correlation_id"));
  line("log", text_cell(run, "log"));
}

}  // namespace

void print_run(Context& context, const json::object& run, RunDetails details) {
  const std::string state = text_of(run, "state");
  context.console().data(fmt::format("{} {}  {}\n", printable(text_of(run, "job"), 64),
                                     text_of(run, "id"),
                                     context.console().toned(state, tone_of(state))));
  if (details == RunDetails::all) print_details(context, run);
  if (!has_ended(run))
    context.console().data(fmt::format("  {:<18} {}\n", "progress", progress_line(run)));
  if (const json::object* result = find_object(run, "result")) context.fields(*result);
  if (const json::object* error = find_object(run, "error")) {
    const std::string next = context.with_our_file(printable(text_of(*error, "next"), 400));
    context.console().words(fmt::format("vigie: {}\n  code {}; next: {}",
                                        printable(text_of(*error, "detail"), 1000),
                                        text_of(*error, "code"), next));
  }
}

Result<json::object> wait_and_print(Context& context, const std::string& id) {
  TRY_ASSIGN(auto run, wait_for(context, id));
  if (context.as_table()) print_run(context, run, RunDetails::result);
  return run;
}

int start_and_wait(Context& context, const Ask& ask, const ReportFn& report, const ShowFn& show,
                   const EndedFn& ended) {
  if (const auto may = refuse_no_wait_alone(context); !may) return context.report(may.error());
  const auto accepted = context.ask(ask);
  if (!accepted) return report ? report(accepted.error()) : context.report(accepted.error());
  const std::string id = accepted->is_object() ? text_of(accepted->get_object(), "run_id") : "";
  if (context.arguments().flag("--no-wait")) {
    if (context.as_table()) {
      context.console().data(id + "\n");
    } else {
      show ? show(*accepted) : context.value(*accepted);
    }
    return 0;
  }
  const auto run = wait_and_print(context, id);
  if (!run) {
    const int code = context.report(run.error());
    say_lost(context, id);
    return code;
  }
  if (!context.as_table()) show ? show(*run) : context.value(*run);
  const int code = run_exit_code(*run);
  return ended ? ended(*run, code) : code;
}

}  // namespace vigie::cli
