// One object, read by ranges. Holds one window of it in memory, and reads ahead by that much:
// whoever reads on finds the bytes there. What is read is one object all the time: when another has
// taken its place, there is an error.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "platform/file_system.h"
#include "store/s3/client.h"

namespace vigie::store::s3 {

inline constexpr Bytes kWindow = 8_MiB;

// Error: file_not_found.
Result<std::unique_ptr<platform::ReadableFile>> open_object(Client client, std::string key);

}  // namespace vigie::store::s3
