#include "platform/system_info.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::platform {
namespace {

// /proc files say a size of 0; they are read to their end, or to a bound.
std::optional<std::string> read_proc(const std::string& path) {
  constexpr size_t kMost = 1 << 20;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer{};
  while (text.size() < kMost) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

std::optional<long long> take_number(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text = std::string_view(end, text.data() + text.size());
  return value;
}

std::vector<std::string> numeric_entries(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), &::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') names.emplace_back(entry->d_name);
  }
  return names;
}

std::string process_folder(int pid) {
  return "/proc/" + std::to_string(pid);
}

// "pid (comm) state ppid …", where comm may hold anything.
std::optional<long long> parent_of(const std::string& pid) {
  const auto stat = read_proc("/proc/" + pid + "/stat");
  const size_t end = stat ? stat->rfind(") ") : std::string::npos;
  if (end == std::string::npos || end + 4 > stat->size()) return std::nullopt;
  std::string_view rest = std::string_view(*stat).substr(end + 4);
  return take_number(rest);
}

bool kernel_lists_children() {
  return ::access("/proc/thread-self/children", F_OK) == 0;
}

// For kernels without CONFIG_PROC_CHILDREN.
std::vector<int> children_by_scan(int parent) {
  std::vector<int> found;
  for (const std::string& pid : numeric_entries("/proc")) {
    if (parent_of(pid) == parent) found.push_back(std::stoi(pid));
  }
  return found;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

// All of 127.0.0.0/8; ::1 is an interface's.
bool is_loopback(const std::string& text) {
  ::in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 && ::ntohl(address.s_addr) >> 24 == 127;
}

// In the form of inet_ntop, without a scope.
std::vector<std::string> own_addresses() {
  std::vector<std::string> out;
  ::ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  const std::unique_ptr<::ifaddrs, void (*)(::ifaddrs*)> all(first, ::freeifaddrs);
  for (const ::ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const bool is_v4 = one->ifa_addr->sa_family == AF_INET;
    if (!is_v4 && one->ifa_addr->sa_family != AF_INET6) continue;
    const void* const address =
        is_v4 ? static_cast<const void*>(
                    &reinterpret_cast<const ::sockaddr_in*>(one->ifa_addr)->sin_addr)
              : &reinterpret_cast<const ::sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_ntop(one->ifa_addr->sa_family, address, text.data(), text.size()) != nullptr)
      out.emplace_back(text.data());
  }
  return out;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

bool is_own_address(std::string_view host) {
  std::string text(host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2)
                                                                : host);
  const std::string name = lower(host_name());
  text = lower(std::move(text));
  if (text == "localhost" || text.ends_with(".localhost") || text == name ||
      text == name.substr(0, name.find('.')))
    return true;
  return is_loopback(text) || std::ranges::count(own_addresses(), text) > 0;
}

std::string boot_id() {
  std::string id = read_proc("/proc/sys/kernel/random/boot_id").value_or("");
  while (id.ends_with('\n')) id.pop_back();
  return id;
}

uint32_t effective_user() {
  return ::geteuid();
}

std::string user_name(uint32_t user) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::to_string(user) : found->pw_name;
}

std::optional<bool> clock_synchronised() {
  timex state{};
  const int kept = ::adjtimex(&state);
  return kept < 0 ? std::nullopt : std::optional(kept != TIME_ERROR);
}

Result<> check_folder_access(const std::filesystem::path& folder) {
  struct ::stat info {};
  if (::stat(folder.c_str(), &info) != 0) return fail(file_error(errno, folder));
  if (!S_ISDIR(info.st_mode)) return fail(file_error(ENOTDIR, folder));
  if (::faccessat(AT_FDCWD, folder.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0) return {};
  return fail(file_error(errno, folder));
}

Result<Bytes> resident_memory(int pid) {
  const std::string path = process_folder(pid) + "/statm";
  const auto text = read_proc(path);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  const auto total = take_number(rest);
  const auto resident = take_number(rest);
  if (!total || !resident) return fail(file_error(ENOENT, path));
  return Bytes{static_cast<uint64_t>(*resident) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))};
}

Bytes resident_memory() {
  return resident_memory(::getpid()).value_or(Bytes{});
}

std::vector<int> child_processes(int pid) {
  const std::string tasks = process_folder(pid) + "/task";
  std::vector<int> found;
  for (const std::string& task : numeric_entries(tasks)) {
    const auto text = read_proc(tasks + "/" + task + "/children");
    if (!text && !kernel_lists_children()) return children_by_scan(pid);
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    while (const auto child = take_number(rest)) found.push_back(static_cast<int>(*child));
  }
  return found;
}

std::vector<int> descendant_processes(int pid) {
  std::vector<int> found = child_processes(pid);
  for (size_t i = 0; i < found.size(); ++i) {
    for (const int child : child_processes(found[i])) found.push_back(child);
  }
  return found;
}

}  // namespace vigie::platform
