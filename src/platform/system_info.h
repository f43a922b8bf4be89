// What the host says of itself and of this process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vigie::platform {

std::string host_name();
// Is this address (a name, or a literal one, an IPv6 one in brackets) this host's own: of loopback,
// of an interface, or the host's name? Nothing is resolved.
bool is_own_address(std::string_view host);
// Changes at every boot of the kernel; empty when /proc does not say.
std::string boot_id();
// Whom this process acts as.
uint32_t effective_user();
std::string user_name(uint32_t user);  // its number where it has no name
// Does anything keep this host's clock, as the kernel sees it? Nothing: it does not say.
std::optional<bool> clock_synchronised();
// May this process list the folder and make files in it, as far as modes, ACLs and the mount say?
// Errors: file_permission, file_io with the reason.
Result<> check_folder_access(const std::filesystem::path& folder);

// Resident memory; file_not_found when there is no such process.
Result<Bytes> resident_memory(int pid);
// Of this process.
Bytes resident_memory();
// The direct children of a process, by /proc/PID/task/*/children.
std::vector<int> child_processes(int pid);
// Children, their children, and so on; parents before their children. A snapshot.
std::vector<int> descendant_processes(int pid);

}  // namespace vigie::platform
