#include "platform/heap.h"

#include <malloc.h>

namespace vigie::platform {

void keep_heap_small() {
  // Set by hand it also stays: else it grows with each large block that is freed.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_ARENA_MAX, 2);
}

void give_back_heap() {
  malloc_trim(0);
}

}  // namespace vigie::platform
