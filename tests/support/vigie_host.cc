#include "tests/support/vigie_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "platform/http_client.h"
#include "tests/support/pg_cluster.h"

namespace vigie::testing {
namespace {

using platform::Path;
using Milliseconds = std::chrono::milliseconds;

int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

platform::Descriptor listen_for_notices(const Path& path) {
  platform::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    std::abort();
  return socket;
}

// Between double quotes in YAML.
std::string yaml_quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

bool readable(int descriptor, Milliseconds patience) {
  pollfd one{descriptor, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(patience.count())) == 1;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* argv, char* const* envp, const char* out, const char* err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out_fd = ::open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err_fd = ::open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out_fd, 1);
  ::dup2(err_fd, 2);
  ::execve(argv[0], argv, envp);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

VigieHost::VigieHost(Path binary)
    : binary_(std::move(binary)), notices_(listen_for_notices(folder_ / "notices")) {}

VigieHost::~VigieHost() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  (void)wait();
}

void VigieHost::configure(const std::string& dsn, const std::vector<std::string>& job,
                          const std::string& password_file) {
  std::string text = fmt::format(
      "server: {{listen: \"unix:{0}/http.sock\"}}\n"
      "state: {{dir: {0}/state}}\n"
      "databases:\n  app:\n    dsn: \"{1}\"\n",
      folder().string(), yaml_quoted(dsn));
  if (!bindir_line().empty()) text += "    " + bindir_line() + "\n";
  if (!password_file.empty()) text += "    password_file: " + password_file + "\n";
  text +=
      fmt::format("stores:\n  local: {{type: local, path: {}, reserve: 1MiB}}\n", store().string());
  text += "backups:\n  nightly:\n    database: app\n    store: local\n";
  for (const std::string& line : job) text += "    " + line + "\n";
  write("vigie.yaml", text);
}

void VigieHost::add_drill(const platform::Path& scratch, const std::vector<std::string>& drill) {
  std::string text = read("vigie.yaml") + "drills:\n  weekly:\n    backup: nightly\n" +
                     "    scratch: {dir: " + scratch.string() + "}\n";
  for (const std::string& line : drill) text += "    " + line + "\n";
  write("vigie.yaml", text);
}

std::map<std::string, std::string> VigieHost::drill_checks() {
  std::map<std::string, std::string> found;
  const auto shown = parse_json(run({"drill", "show", "weekly", "-o", "json"}).out, {1 << 20, 16});
  if (!shown) return found;
  const json::value& last = shown->at("databases").at(0).at("last");
  if (last.is_null()) return found;
  for (const json::value& one : last.at("assertions").as_array())
    found[std::string(one.at("id").as_string())] = one.at("result").as_string();
  return found;
}

void VigieHost::copy_from(const VigieHost& other) const {
  constexpr auto kAll = std::filesystem::copy_options::recursive;
  std::filesystem::create_directory(state());
  std::filesystem::permissions(state(), std::filesystem::perms::owner_all);
  std::filesystem::copy(other.state() / "ledger", state() / "ledger", kAll);
  for (const char* name : {"state.db", "owner"})
    std::filesystem::copy(other.state() / name, state() / name);
  std::filesystem::copy(other.store(), store(), kAll);
}

void VigieHost::write(const std::string& name, const std::string& text, mode_t mode) {
  std::ofstream(folder_ / name, std::ios::binary) << text;
  ::chmod((folder_ / name).c_str(), mode);
}

std::string VigieHost::read(const std::string& name) const {
  return contents(folder_ / name);
}

pid_t VigieHost::spawn(const std::vector<std::string>& words, const Environment& more,
                       const Path& out, const Path& err) const {
  std::vector<std::string> arguments{binary_.string()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  arguments.insert(arguments.end(), {"-c", (folder_ / "vigie.yaml").string()});
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LANG=C.UTF-8",
                                       "NOTIFY_SOCKET=" + (folder_ / "notices").string()};
  for (const auto& [name, value] : more) environment.push_back(name + "=" + value);
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  const std::string out_path = out.string();
  const std::string err_path = err.string();
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (calls_ != nullptr) (void)calls_->enter();
    become(argv.data(), envp.data(), out_path.c_str(), err_path.c_str());
  }
  if (calls_ != nullptr && !calls_->follow()) std::abort();
  return pid;
}

Ran VigieHost::run(const std::vector<std::string>& words, const Environment& more) {
  VigieHost* const self = this;
  const pid_t daemon = std::exchange(pid_, spawn(words, more, folder_ / "out", folder_ / "err"));
  Ran ran;
  ran.status = self->wait();
  if (ran.status == -1) {
    signal(SIGKILL);
    (void)wait();
  }
  pid_ = daemon;
  ran.out = read("out");
  ran.err = read("err");
  return ran;
}

void VigieHost::start(const std::vector<std::string>& words, const Environment& more) {
  pid_ = spawn(words, more, folder_ / "said", folder_ / "log");
}

bool VigieHost::serve(const Environment& more) {
  start({"serve"}, more);
  return says("READY=1", std::chrono::minutes(1));
}

bool VigieHost::says(const std::string& word, Milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    if (!readable(notices_.get(), Milliseconds(100))) continue;
    std::array<char, 256> text{};
    const ssize_t got = ::recv(notices_.get(), text.data(), text.size(), 0);
    if (got > 0 && std::string_view(text.data(), static_cast<size_t>(got)).find(word) == 0)
      return true;
  }
  return false;
}

void VigieHost::signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

int VigieHost::wait(Milliseconds patience) {
  const platform::Descriptor gone(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!readable(gone.get(), patience)) return -1;
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return status_of(status);
}

HttpSaid VigieHost::ask(const std::string& target, const std::string& method,
                        const std::string& body, const Headers& headers) {
  platform::HttpRequest request;
  request.name = "the daemon";
  request.url = Secret("http://localhost" + target);
  request.unix_socket = (state() / "vigie.sock").string();
  request.method = method;
  request.max_answer = 8_MiB;
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  if (!body.empty()) {
    request.body = body;
    request.headers.emplace_back("Content-Type", "application/json");
  }
  const auto answer = platform::make_http_client()->send(
      request, std::chrono::steady_clock::now() + std::chrono::seconds(10), {});
  if (!answer) return {};
  return {answer->status, answer->body};
}

std::string VigieHost::start_run(const std::string& job) {
  const HttpSaid said = ask("/v1/backups/" + job + "/runs", "POST", "{}");
  const auto answer = parse_json(said.body);
  return answer && said.status == 202 ? std::string(answer->at("run_id").as_string()) : "";
}

std::string VigieHost::state_of(const std::string& run) {
  const HttpSaid said = ask("/v1/runs/" + run);
  const auto answer = parse_json(said.body);
  return answer && said.status == 200 ? std::string(answer->at("state").as_string()) : "";
}

std::set<std::string> VigieHost::stored() const {
  std::set<std::string> ids;
  std::error_code none;
  for (const auto& one : std::filesystem::directory_iterator(store() / "nightly", none)) {
    if (std::filesystem::exists(one.path() / "manifest.json"))
      ids.insert(one.path().filename().string());
  }
  return ids;
}

std::set<std::string> VigieHost::debris() const {
  std::set<std::string> ids;
  std::error_code none;
  for (const auto& one : std::filesystem::directory_iterator(store() / "nightly", none)) {
    if (!std::filesystem::exists(one.path() / "manifest.json"))
      ids.insert(one.path().filename().string());
  }
  return ids;
}

std::vector<std::string> VigieHost::dump_processes(const std::string& environment) {
  std::vector<std::string> found;
  for (const auto& one : std::filesystem::directory_iterator("/proc")) {
    const std::string words = contents(one.path() / "cmdline");
    if (words.find("pg_dump") == std::string::npos) continue;
    if (contents(one.path() / "environ").find(environment) != std::string::npos)
      found.push_back(words);
  }
  return found;
}

}  // namespace vigie::testing
