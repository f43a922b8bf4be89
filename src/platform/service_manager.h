// What systemd wants to know (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names.
// Without that variable nothing happens.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace vigie::platform {

// "READY=1", "RELOADING=1\nMONOTONIC_USEC=…", "STOPPING=1", "WATCHDOG=1", "STATUS=…". What cannot
// be sent is lost.
void notify_service_manager(std::string_view state);

// How often the watchdog wants to hear of us at most (WATCHDOG_USEC, halved); nothing when it does
// not watch this process (WATCHDOG_PID).
std::optional<std::chrono::microseconds> watchdog_period();

}  // namespace vigie::platform
