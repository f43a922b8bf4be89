// What can be set about the ledger. Nothing of it stands in vigie.yaml today.
#pragma once

#include "base/bytes.h"

namespace vigie::ledger {

struct LedgerOptions {
  Bytes segment = 16_MiB;  // the current segment is sealed when it has grown to this
  Bytes reserve = 16_MiB;  // given free when the disk is full; 0: none is kept
};

}  // namespace vigie::ledger
