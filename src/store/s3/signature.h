// Signature version 4 of S3 (AWS4-HMAC-SHA256), in the Authorization header. Pure: the time and the
// key are given.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "store/s3/credentials.h"

namespace vigie::store::s3 {

// Names to values, as they are; sorted, as a signature wants them.
using Query = std::map<std::string, std::string>;
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Unsigned {
  std::string method;
  std::string host;  // as the Host header has it, with a port that is not the scheme's own
  std::string path;  // encoded, as the request has it; begins with a slash
  Query query;
  Headers headers;  // names in lower case; all of them are signed
  std::string payload_sha256;
  std::string region;
};

// "list-type=2&prefix=a%2Fb", in the one form that is signed and sent.
std::string encoded_query(const Query& query);
// All but unreserved characters and the slash is %XX.
std::string encoded_path(std::string_view path);

// All headers that the request must have: those given, Host, x-amz-date, x-amz-content-sha256,
// x-amz-security-token when there is one, Authorization.
Headers signed_headers(const Unsigned& request, const Credentials& credentials, SystemTime now);

}  // namespace vigie::store::s3
