// stores: in vigie.yaml.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/yaml_fields.h"

namespace vigie::store {

// How much of the file system must stay free: a share of it, or a number of bytes.
struct Reserve {
  int percent = 15;  // used when bytes is zero
  Bytes bytes;

  Bytes of(Bytes total) const {
    return bytes.count > 0 ? bytes : Bytes{total.count / 100 * static_cast<uint64_t>(percent)};
  }
};

enum class StoreType : unsigned char { local, s3 };
std::string_view to_string(StoreType type);

enum class ServerSideEncryption : unsigned char { none, aes256, kms };
std::string_view to_string(ServerSideEncryption encryption);  // as S3's header has it

// A bucket, or a part of one, of a server that speaks S3.
struct S3Options {
  std::string endpoint;  // as s3_endpoint() gives it
  std::string bucket;
  std::string prefix;  // "" or "vigie/app": no slash at its ends
  std::string region = "us-east-1";
  bool path_style = true;  // https://host/bucket/key; false: https://bucket.host/key
  std::string credentials_file;
  std::string ca_file;  // empty: the system's
  ServerSideEncryption server_side_encryption = ServerSideEncryption::none;
  std::string kms_key;    // empty: the bucket's own
  Bytes max_upload_rate;  // a second, of all uploads together; zero: as fast as it goes
};

// "https://S3.example.org:443/" becomes "https://s3.example.org": scheme and authority. Nothing
// when it is anything else, or has a user or a path.
std::optional<std::string> s3_endpoint(std::string_view text);
// As platform::is_own_address() says: a tunnel may lead elsewhere, and another name come back.
bool is_on_this_host(std::string_view endpoint);
// http, and to another host than this one: what is read and written could be read on the way.
bool is_in_the_clear(std::string_view endpoint);
bool is_bucket_name(std::string_view text);
// Names of [A-Za-z0-9_.-] with a slash between them, none of them "." or "..".
bool is_key_prefix(std::string_view text);

struct StoreOptions {
  std::string name;
  StoreType type = StoreType::local;
  std::string path;       // local: absolute
  Reserve reserve;        // local
  bool off_host = false;  // what lies there outlives this host: as said, or by the endpoint
  S3Options s3;
  Place place;

  static StoreOptions parse(const std::string& name, const yaml::Entry& entry, Problems& problems);
};

}  // namespace vigie::store
