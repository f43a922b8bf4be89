// A blocking call of a library that offers no deadline, run in a thread of its own. Whoever waits
// for it gives up at the deadline; the thread then ends by itself, later, and touches nothing but
// what it holds.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "platform/wait.h"

namespace vigie::platform {

// How many threads of one kind may be left behind at once.
class DetachedSlots {
 public:
  explicit DetachedSlots(int most) : free_(most) {}
  bool take() {
    if (free_.fetch_sub(1) > 0) return true;
    free_.fetch_add(1);
    return false;
  }
  void give_back() { free_.fetch_add(1); }

 private:
  std::atomic<int> free_;
};

// Runs `work(state)`; `ready` when it is done, and then `state` may be read. `slots` must live as
// long as the process.
template <class State, class Work>
WaitEnd run_detached(const std::shared_ptr<State>& state, Work work, DetachedSlots& slots,
                     MonoTime deadline, const StopSignal& stop) {
  if (!slots.take()) return WaitEnd::deadline;
  const auto done = std::make_shared<Descriptor>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  try {
    std::thread([state, done, &slots, work = std::move(work)] {
      work(*state);
      slots.give_back();
      const uint64_t one = 1;
      (void)!::write(done->get(), &one, sizeof one);
    }).detach();
  } catch (const std::system_error&) {
    slots.give_back();
    return WaitEnd::deadline;
  }
  const WaitEnd end = wait_for(done->get(), POLLIN, deadline, stop);
  uint64_t count = 0;
  if (end == WaitEnd::ready) (void)!::read(done->get(), &count, sizeof count);
  return end;
}

}  // namespace vigie::platform
