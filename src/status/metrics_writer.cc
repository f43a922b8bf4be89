#include "status/metrics_writer.h"

#include <fmt/format.h>

#include <cmath>

#include "base/encoding.h"

namespace vigie::status {
namespace {

constexpr size_t kMostLabelBytes = 256;

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string escape_help(std::string_view help) {
  std::string out;
  for (const char c : help) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string escape_label(std::string_view value) {
  const auto clean = is_utf8(value) && value.size() <= kMostLabelBytes
                         ? std::string(value)
                         : printable(value, kMostLabelBytes);
  std::string out;
  for (const char c : clean) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void MetricsWriter::family(std::string_view name, std::string_view type, std::string_view help) {
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape_help(help), name, type);
}

void MetricsWriter::gauge(std::string_view name, std::string_view help) {
  family(name, "gauge", help);
  name_ = name;
}

// OpenMetrics names the family without the suffix that its samples carry.
void MetricsWriter::counter(std::string_view name, std::string_view help) {
  constexpr std::string_view kSuffix = "_total";
  const bool open = format_ == MetricsFormat::open_metrics;
  family(open ? name.substr(0, name.size() - kSuffix.size()) : name, "counter", help);
  name_ = name;
}

void MetricsWriter::sample(std::initializer_list<Label> labels, double value) {
  text_ += name_;
  char separator = '{';
  for (const auto& [name, label] : labels) {
    text_ += separator;
    text_.append(name).append("=\"").append(escape_label(label)).append("\"");
    separator = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_ += ' ';
  text_ += number(value);
  text_ += '\n';
}

std::string MetricsWriter::finish() {
  if (format_ == MetricsFormat::open_metrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace vigie::status
