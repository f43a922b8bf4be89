// What the host says of itself and of this process.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vigie::platform {

std::string host_name();
// Changes at every boot of the kernel; empty when /proc does not say.
std::string boot_id();
// Resident memory; file_not_found when there is no such process.
Result<Bytes> resident_memory(int pid);
// Of this process.
Bytes resident_memory();
// The direct children of a process, by /proc/PID/task/*/children.
std::vector<int> child_processes(int pid);
// Children, their children, and so on; parents before their children. A snapshot.
std::vector<int> descendant_processes(int pid);

}  // namespace vigie::platform
