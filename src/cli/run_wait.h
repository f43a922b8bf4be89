// Waiting for a run, with its progress on a terminal. Ctrl-C cancels the run.
#pragma once

#include <functional>
#include <string>

#include "cli/context.h"

namespace vigie::cli {

// Starts by `ask` (which must answer 202 with run_id) and waits for the end, unless --no-wait was
// given; says how it ended. The exit status: of the run's verdict or error code, 130 when it was
// interrupted here.
// `report` says why it could not be started; else Context::report does.
// `show` takes what is printed as JSON; else Context::value does.
using ReportFn = std::function<int(const Error&)>;
// `ended` is what is done when it has ended and was printed: the run, its exit status, and it
// answers the command's.
using ShowFn = std::function<void(const json::value&)>;
using EndedFn = std::function<int(const json::object& run, int code)>;
int start_and_wait(Context& context, const Ask& ask, const ReportFn& report = {},
                   const ShowFn& show = {}, const EndedFn& ended = {});

// Until the run has ended, in the same way. For people, how it ended is printed. Errors: those of
// asking.
Result<json::object> wait_and_print(Context& context, const std::string& id);

// How it stands, or how it ended, for people; with the error and what to do. Its times, its
// correlation id and where its log is are among all of it.
enum class RunDetails : unsigned char { result, all };
void print_run(Context& context, const json::object& run, RunDetails details);

// It neither waits nor works any more.
bool has_ended(const json::object& run);

// {state, error, …} as an exit status.
int run_exit_code(const json::object& run);

// Of two things done, the status to end with: interrupted before bad, bad before any other, and
// good last.
int worse_exit(int a, int b);

// "dump app  1.2 GiB of 1.5 GiB  210.0 MiB/s  2s left"
std::string progress_line(const json::object& run);

}  // namespace vigie::cli
