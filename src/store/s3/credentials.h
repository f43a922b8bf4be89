// The file that credentials_file: names: a key of the server that speaks S3.
//
//   AKIAEXAMPLE            or     access_key_id = AKIAEXAMPLE
//   its secret                    secret_access_key = its secret
//                                 session_token = …
//
// In the second form empty lines, lines of # and of [profile], and "aws_" before a name are passed
// over, so that a file of the AWS command line with one profile will do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "platform/file_system.h"

namespace vigie::store::s3 {

struct Credentials {
  std::string access_key;  // names the key; no secret
  Secret secret_key;
  Secret session_token{};  // may be empty

  // Nothing when it is of neither form, or a value has a character that no header may have.
  static std::optional<Credentials> parse(std::string_view text);
};

// Read anew at each use: keys rotate. Errors: of platform/secret_file.h; secret_file_invalid also
// when it is of neither form.
Result<Credentials> read_credentials(const platform::Path& path);

}  // namespace vigie::store::s3
