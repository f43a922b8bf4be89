// The process's heap (glibc's malloc; mallopt(3), malloc_trim(3)). A daemon that works for minutes
// a day must not keep, the rest of the day, what its work took.
#pragma once

namespace vigie::platform {

// Once, before any thread: blocks of 256 KiB and more come from the system and go back to it, and
// threads share two arenas.
void keep_heap_small();

// After work that took much: gives back what is free. Takes a few milliseconds. Thread-safe.
void give_back_heap();

}  // namespace vigie::platform
