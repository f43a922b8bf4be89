// The metrics of Vigie about itself and its jobs, rendered from the views: Prometheus text 0.0.4
// and OpenMetrics 1.0. Names begin with vigie_; docs/formats/metrics.md lists them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "status/views.h"

namespace vigie::status {

enum class MetricsFormat : unsigned char { prometheus, open_metrics };

// Figures of the HTTP engine, which has no view of its own.
struct HttpFigures {
  uint64_t connections_open = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;
  uint64_t requests_malformed = 0;
  uint64_t requests_timed_out = 0;
  struct ByCode {
    int status = 0;
    uint64_t requests = 0;
  };
  std::vector<ByCode> by_code;
};

std::string render_metrics(const Views& views, const HttpFigures& http, SystemTime now,
                           MetricsFormat format);
std::string_view content_type(MetricsFormat format);

}  // namespace vigie::status
