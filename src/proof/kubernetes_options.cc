#include <algorithm>

#include "proof/options.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr size_t kLongestNamespace = 63;
constexpr size_t kLongestPod = 253;
constexpr size_t kLongestSelector = 1'000;

bool is_object_name(std::string_view text, size_t longest) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return text.size() <= longest && text.front() != '-' && text.front() != '.' &&
         std::ranges::all_of(text, fits);
}

// The name of an object of the cluster, in lower case.
void read_object_name(yaml::Fields& fields, std::string_view key, std::string& target,
                      size_t longest) {
  std::string text;
  fields.text(key, text);
  if (text.empty() || is_object_name(text, longest)) {
    target = std::move(text);
    return;
  }
  const Problems::Scope scope(fields.problems(), key);
  fields.problems().wrong_value(fields.self().find(key)->place,
                                "a name: a to z, 0 to 9, - and ., beginning with a letter or a "
                                "digit");
}

void check_selector(yaml::Fields& fields, const std::string& selector) {
  if (selector.size() <= kLongestSelector) return;
  const Problems::Scope scope(fields.problems(), "selector");
  fields.problems().wrong_value(fields.self().find("selector")->place,
                                "labels in at most 1,000 bytes");
}

}  // namespace

KubernetesOptions KubernetesOptions::parse(yaml::Fields& fields) {
  KubernetesOptions options;
  read_object_name(fields, "namespace", options.name_space, kLongestNamespace);
  read_object_name(fields, "pod", options.pod, kLongestPod);
  fields.text("selector", options.selector);
  fields.absolute_path("kubeconfig", options.kubeconfig);
  fields.duration("grace", options.grace, 1s, 1h);
  check_selector(fields, options.selector);
  const bool names_one =
      (fields.self().find("pod") == nullptr) != (fields.self().find("selector") == nullptr);
  if (!names_one)
    fields.problems().mistake(fields.self().place, ErrorCode::config_missing_key,
                              "must name one pod, by pod or by selector", "selector: app=postgres");
  return options;
}

}  // namespace vigie::proof
