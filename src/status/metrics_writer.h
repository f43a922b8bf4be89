// Prometheus' text format 0.0.4 and OpenMetrics 1.0, written one family at a time.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "status/metrics.h"

namespace vigie::status {

using Label = std::pair<std::string_view, std::string_view>;

class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsFormat format) : format_(format) {}

  // Begins a family; its samples follow. A counter's name ends in _total.
  void gauge(std::string_view name, std::string_view help);
  void counter(std::string_view name, std::string_view help);
  void sample(std::initializer_list<Label> labels, double value);
  void sample(double value) { sample({}, value); }
  // All of it; OpenMetrics ends with # EOF.
  std::string finish();

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);

  MetricsFormat format_;
  std::string name_;  // of the samples
  std::string text_;
};

std::string escape_label(std::string_view value);  // backslash, quote, newline; bad UTF-8 as \xNN

}  // namespace vigie::status
