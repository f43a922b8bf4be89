#include "store/options.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "platform/system_info.h"

namespace vigie::store {
namespace {

constexpr std::array<std::pair<std::string_view, StoreType>, 2> kTypes{
    {{"local", StoreType::local}, {"s3", StoreType::s3}}};
constexpr std::array<std::pair<std::string_view, ServerSideEncryption>, 3> kEncryptions{
    {{"none", ServerSideEncryption::none},
     {"AES256", ServerSideEncryption::aes256},
     {"aws:kms", ServerSideEncryption::kms}}};

constexpr size_t kMostPrefix = 200;  // bytes: a key has 1024
constexpr Bytes kLeastRate = 64_KiB;
constexpr Bytes kMostRate = 10_GiB;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return is_letter_or_digit(c) || more.find(c) != std::string_view::npos;
  });
}

std::optional<Reserve> parse_reserve(std::string_view text) {
  if (!text.ends_with('%')) {
    const auto bytes = parse_bytes(text);
    if (!bytes || bytes->count == 0) return std::nullopt;
    return Reserve{0, *bytes};
  }
  text.remove_suffix(1);
  int percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc() || end != text.data() + text.size() || percent < 1 || percent > 90)
    return std::nullopt;
  return Reserve{percent, {}};
}

void read_reserve(yaml::Fields& fields, Reserve& target) {
  std::string text;
  fields.text("reserve", text);
  if (text.empty()) return;
  if (const auto reserve = parse_reserve(text)) {
    target = *reserve;
    return;
  }
  const Problems::Scope scope(fields.problems(), "reserve");
  fields.problems().wrong_value(fields.self().find("reserve")->place,
                                "a share from 1% to 90%, or a size such as 20GiB");
}

// "host:port" with the port taken off when it is `usual`; nothing when it is no authority.
std::optional<std::string> authority_of(std::string_view text, std::string_view usual) {
  const size_t bracket = text.rfind(']');
  const bool numeric = text.starts_with('[');
  if (numeric != (bracket != std::string_view::npos)) return std::nullopt;
  const size_t colon = text.find(':', numeric ? bracket : 0);
  const std::string_view host = text.substr(0, colon);
  if (numeric ? !consists_of(host.substr(1, host.size() - 2), ":.") : !consists_of(host, ".-"))
    return std::nullopt;
  if (host.empty() || host == "[]") return std::nullopt;
  std::string out(host);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
  });
  if (colon == std::string_view::npos) return out;
  const std::string_view port = text.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535)
    return std::nullopt;
  return port == usual ? out : out + ":" + std::to_string(number);
}

// A text that must be of a form.
void read_checked(yaml::Fields& fields, std::string_view key, std::string& target, yaml::Need need,
                  bool (*is_right)(std::string_view), std::string expected) {
  std::string text;
  fields.text(key, text, need);
  if (text.empty()) return;
  if (is_right(text)) {
    target = std::move(text);
    return;
  }
  const Problems::Scope scope(fields.problems(), key);
  fields.problems().wrong_value(fields.self().find(key)->place, std::move(expected));
}

bool is_region(std::string_view text) {
  return text.size() <= 63 && consists_of(text, "-_");
}
bool is_kms_key(std::string_view text) {
  return text.size() <= 300 && consists_of(text, "-_:/.");
}
bool is_endpoint(std::string_view text) {
  return s3_endpoint(text).has_value();
}

// Passwords would not go over it, but every row of every table would.
void read_endpoint(yaml::Fields& fields, S3Options& s3) {
  bool allow_http = false;
  fields.flag("allow_http", allow_http);
  read_checked(fields, "endpoint", s3.endpoint, yaml::Need::required, is_endpoint,
               "an address such as https://s3.example.org:9000, without a path");
  if (s3.endpoint.empty()) return;
  s3.endpoint = *s3_endpoint(s3.endpoint);
  if (!is_in_the_clear(s3.endpoint) || allow_http) return;
  const Problems::Scope scope(fields.problems(), "endpoint");
  fields.problems().mistake(fields.self().find("endpoint")->place, ErrorCode::config_value,
                            "would send the backups over http in the clear",
                            "an https address, or allow_http: true where the network is trusted");
}

void read_encryption(yaml::Fields& fields, S3Options& s3) {
  fields.choice("server_side_encryption", s3.server_side_encryption, kEncryptions);
  read_checked(fields, "kms_key", s3.kms_key, yaml::Need::optional, is_kms_key,
               "the name or ARN of a key");
  if (s3.kms_key.empty() || s3.server_side_encryption == ServerSideEncryption::kms) return;
  const Problems::Scope scope(fields.problems(), "kms_key");
  fields.problems().mistake(fields.self().find("kms_key")->place, ErrorCode::config_value,
                            "is used by server_side_encryption: aws:kms only",
                            "server_side_encryption: aws:kms");
}

void read_s3(yaml::Fields& fields, S3Options& s3) {
  read_endpoint(fields, s3);
  read_checked(fields, "bucket", s3.bucket, yaml::Need::required, is_bucket_name,
               "a bucket's name: 3 to 63 of a-z, 0-9, '.' and '-'");
  read_checked(fields, "prefix", s3.prefix, yaml::Need::optional, is_key_prefix,
               "names with a slash between them, such as vigie/app");
  read_checked(fields, "region", s3.region, yaml::Need::optional, is_region,
               "a region such as eu-west-1");
  fields.flag("path_style", s3.path_style);
  fields.absolute_path("credentials_file", s3.credentials_file, yaml::Need::required);
  fields.absolute_path("ca_file", s3.ca_file);
  read_encryption(fields, s3);
  fields.size("max_upload_rate", s3.max_upload_rate, kLeastRate, kMostRate);
}

}  // namespace

std::string_view to_string(StoreType type) {
  return kTypes.at(static_cast<size_t>(type)).first;
}

std::string_view to_string(ServerSideEncryption encryption) {
  return kEncryptions.at(static_cast<size_t>(encryption)).first;
}

std::optional<std::string> s3_endpoint(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return std::nullopt;
  const std::string scheme = secure ? "https://" : "http://";
  text.remove_prefix(scheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto authority = authority_of(text, secure ? "443" : "80");
  return authority ? std::optional(scheme + *authority) : std::nullopt;
}

bool is_on_this_host(std::string_view endpoint) {
  endpoint.remove_prefix(std::min(endpoint.find("://") + 3, endpoint.size()));
  const std::string_view host = endpoint.starts_with('[')
                                    ? endpoint.substr(0, endpoint.find(']') + 1)
                                    : endpoint.substr(0, endpoint.find(':'));
  return platform::is_own_address(host);
}

bool is_in_the_clear(std::string_view endpoint) {
  return endpoint.starts_with("http://") && !is_on_this_host(endpoint);
}

bool is_bucket_name(std::string_view text) {
  const bool fits = text.size() >= 3 && text.size() <= 63 && is_letter_or_digit(text.front()) &&
                    is_letter_or_digit(text.back()) && text.find("..") == std::string_view::npos;
  return fits && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool is_key_prefix(std::string_view text) {
  if (text.empty() || text.size() > kMostPrefix) return false;
  while (true) {
    const size_t slash = text.find('/');
    const std::string_view name = text.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || !consists_of(name, "_.-")) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

StoreOptions StoreOptions::parse(const std::string& name, const yaml::Entry& entry,
                                 Problems& problems) {
  StoreOptions options;
  options.name = name;
  options.place = entry.place;
  yaml::Fields fields(entry.value, problems);
  fields.choice("type", options.type, kTypes);
  if (options.type == StoreType::s3) {
    read_s3(fields, options.s3);
    options.off_host = !is_on_this_host(options.s3.endpoint);
  } else {
    fields.absolute_path("path", options.path, yaml::Need::required);
    read_reserve(fields, options.reserve);
  }
  fields.flag("off_host", options.off_host);
  fields.finish();
  return options;
}

}  // namespace vigie::store
