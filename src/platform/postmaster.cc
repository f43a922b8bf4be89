#include "platform/postmaster.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "platform/system_info.h"
#include "platform/wait.h"

namespace vigie::platform {
namespace {

tl::unexpected<Error> not_it(std::string reason) {
  return fail(ErrorCode::process_failed,
              {{"command", "postgres"}, {"code", "?"}, {"reason", std::move(reason)}});
}

Result<std::string> pid_file(FileSystem& files, const Path& data_folder) {
  return read_file(files, data_folder / "postmaster.pid", 4_KiB);
}

struct Segment {
  key_t key = 0;
  int id = 0;
};

// Its seventh line: "key id", both in decimal; not there before the server has made it.
std::optional<Segment> segment_in(const std::string& pid_file) {
  constexpr int kLine = 7;
  std::istringstream lines(pid_file);
  std::string line;
  for (int i = 0; i < kLine; ++i)
    if (!std::getline(lines, line)) return std::nullopt;
  unsigned long key = 0;  // a key may be negative: PostgreSQL writes it as this
  int id = 0;
  if (!(std::istringstream(line) >> key >> id)) return std::nullopt;
  return Segment{static_cast<key_t>(key), id};
}

}  // namespace

void free_shared_memory(FileSystem& files, const Path& data_folder) {
  const auto text = pid_file(files, data_folder);
  const auto segment = text ? segment_in(*text) : std::nullopt;
  const auto folder = files.info(data_folder);
  shmid_ds found{};
  if (!segment || !folder || ::shmctl(segment->id, IPC_STAT, &found) != 0) return;
  const bool left = found.shm_perm.__key == segment->key && found.shm_nattch == 0 &&
                    found.shm_perm.uid == folder->owner;
  if (left) (void)::shmctl(segment->id, IPC_RMID, nullptr);
}

Result<int> postmaster_of(FileSystem& files, const Path& data_folder) {
  TRY_ASSIGN(const std::string text, pid_file(files, data_folder));
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid <= 1) return not_it("postmaster.pid names no process");
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), name);
  if (name != "postgres") return not_it("the process of postmaster.pid is another's");
  return pid;
}

Result<> signal_server(int postmaster, int signal) {
  std::vector<int> all;
  if (signal == SIGKILL) all = descendant_processes(postmaster);
  if (::kill(postmaster, signal) != 0) return not_it(std::system_category().message(errno));
  for (const int one : all) ::kill(one, signal);
  return {};
}

// Not a child of ours: only a descriptor of it can be waited for.
Result<> wait_for_end(int pid, MonoTime deadline, const std::stop_token& stop) {
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return {};  // it is gone already
  switch (wait_for(process.get(), POLLIN, deadline, StopSignal(stop))) {
    case WaitEnd::ready:
      return {};
    case WaitEnd::stopped:
      return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    case WaitEnd::deadline:
      break;
  }
  return fail(ErrorCode::deadline_exceeded,
              {{"name", "the end of the server"}, {"seconds", "120"}});
}

}  // namespace vigie::platform
