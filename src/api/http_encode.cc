#include "api/http_encode.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::api {
namespace {

bool is_safe(std::string_view value) {
  return std::ranges::all_of(value, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_safe(name) || !is_safe(value)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

struct Phrase {
  int status;
  std::string_view words;
};
constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string encode_head(const Response& response, const EncodeOptions& options) {
  std::string out;
  out.reserve(384);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 reason_phrase(response.status));
  append_field(out, "Date", options.date);
  if (has_body(response.status)) {
    append_field(out, "Content-Type", response.content_type);
    append_field(out, "Content-Length", fmt::format_int(response.body.size()).c_str());
  }
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (!options.keep_alive) append_field(out, "Connection", "close");
  if (options.keep_alive && options.minor_version == 0)
    append_field(out, "Connection", "keep-alive");
  out += "\r\n";
  return out;
}

std::string http_date(SystemTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[std::chrono::weekday(day).c_encoding()], unsigned(date.day()),
                     kMonths[unsigned(date.month()) - 1], int(date.year()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::string_view reason_phrase(int status) {
  const auto* phrase = std::ranges::find(kPhrases, status, &Phrase::status);
  return phrase == std::end(kPhrases) ? std::string_view("Status") : phrase->words;
}

bool has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace vigie::api
