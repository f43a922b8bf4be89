// stores: in vigie.yaml.
#pragma once

#include <string>

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

enum class StoreType : unsigned char { local };

struct StoreOptions {
  std::string name;
  StoreType type = StoreType::local;
  std::string path;  // local: absolute
  Reserve reserve;
  bool off_host = false;  // said by the operator: what is mounted there lies on another host
  Place place;

  static StoreOptions parse(const std::string& name, const yaml::Entry& entry, Problems& problems);
};

}  // namespace vigie::store
