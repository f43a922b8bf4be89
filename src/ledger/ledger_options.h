// What its owner can choose about an open ledger. Nothing of it stands in vigie.yaml.
#pragma once

#include "base/bytes.h"

namespace vigie::ledger {

struct LedgerOptions {
  Bytes segment = 16_MiB;  // the current segment is sealed when it has grown to this
  Bytes reserve = 16_MiB;  // given free when the disk is full; 0: none is kept
  // Looks, and changes nothing: nothing is cut, recorded or put aside. Needs no lock, and no
  // folder.
  bool read_only = false;
};

}  // namespace vigie::ledger
