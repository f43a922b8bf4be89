// A real server and a witness that observes it, both restarted as a test likes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proof/observer.h"
#include "tests/support/contents.h"
#include "tests/support/lost_answer.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

// The host's time, and what a test adds to it.
class LaterClock final : public platform::Clock {
 public:
  SystemTime now() const override { return real_.now() + later; }
  MonoTime monotonic() const override { return real_.monotonic() - behind; }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    return real_.sleep_until(deadline + behind, std::move(stop));
  }
  Duration later{};
  Duration behind{};  // of each call's limit, so much is over when it begins

 private:
  platform::RealClock real_;
};

class ObservedServer : public ::testing::Test {
 protected:
  explicit ObservedServer(bool fsync = true) : server_({.fsync = fsync}) {
    server_.create_database("vigie_witness");
    options_.name = "observed";
    options_.database = "app";
    options_.mode = proof::DurabilityMode::observe;
    begin();
  }

  // As after a start of this process.
  void begin() {
    observer_.reset();
    proof::ObserverTools tools{
        *files_,
        connector_,
        clock_,
        [this] { return boot_id_; },
        [this](const proof::Observation& seen, const Work&) -> Result<> {
          seen_.push_back(seen);
          return {};
        },
        [this](const proof::ObserverView& view) { view_ = view; },
        [this](const std::optional<Error>& trouble) {
          told_.emplace_back(trouble ? trouble->info().name : "writes");
        },
        [this](const std::string&, const Error& error) { warned_.emplace_back(error.info().name); },
        most_rows_,
        find_pod_};
    observer_ = std::make_unique<proof::Observer>(
        proof::DurabilityRequest{options_, server_.named_dsn(), folder_ / "witness", {}}, tools);
  }
  void write(int rows) {
    for (int i = 0; i < rows; ++i) {
      const auto written = observer_->step({});
      ASSERT_TRUE(written) << written.error().detail(Audience::operators);
    }
  }
  void write_until(const std::function<bool()>& holds) {
    const MonoTime until = clock_.monotonic() + std::chrono::minutes(1);
    while (!holds() && clock_.monotonic() < until) write(1);
    EXPECT_TRUE(holds());
  }
  // The session breaks at the first row, and the next one finds what has become of the server.
  void notice() {
    EXPECT_FALSE(observer_->step({}));
    write(1);
  }
  // The files of the server as they are now, and as they were: into the folder that is there, which
  // keeps its owner. No server runs meanwhile.
  platform::Path copy_of_server() {
    const auto copy = folder_ / "copy";
    std::filesystem::copy(server_.data_folder(), copy, std::filesystem::copy_options::recursive);
    return copy;
  }
  void put_server_back(const platform::Path& copy) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(copy))
      if (entry.is_regular_file())
        std::ofstream(server_.data_folder() / std::filesystem::relative(entry.path(), copy),
                      std::ios::binary)
            << std::ifstream(entry.path(), std::ios::binary).rdbuf();
  }
  // As notice(), of a crash that the postmaster has yet to hear of, and then to recover from: the
  // session may write on for a moment.
  void step_until_it_is_seen() {
    const MonoTime until = clock_.monotonic() + std::chrono::minutes(1);
    while (seen_.empty() && clock_.monotonic() < until)
      if (!observer_->step({}))
        clock_.sleep_until(clock_.monotonic() + std::chrono::milliseconds(100), {});
  }
  void configure_server(const std::string& what) {
    server_.execute("ALTER SYSTEM " + what);
    server_.execute("SELECT pg_reload_conf()");
  }
  void put_state_back(const platform::Path& copy) {
    std::filesystem::remove_all(folder_ / "witness");
    std::filesystem::copy(copy, folder_ / "witness");
  }
  std::string code() const {
    const auto& error = seen_.back().report.error;
    return error ? std::string(error->info().name) : "passed";
  }
  std::string table() { return server_.value(kTables, "vigie_witness"); }
  std::vector<std::string> logs() {
    std::vector<std::string> names;
    const auto entries = platform::real_file_system().list(folder_ / "witness");
    for (const platform::Entry& one : *entries)
      if (one.name.ends_with(".log")) names.push_back(one.name);
    return names;
  }
  std::string state() { return contents(folder_ / "witness/observed.observed"); }

  static constexpr const char* kTables =
      "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relname LIKE "
      "'observed%' AND relkind = 'r'";

  PgCluster server_;
  TempFolder folder_;
  platform::FileSystem* files_ = &platform::real_file_system();
  LaterClock clock_;
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  LosesAnswers connector_{*postgres_, "insert"};
  proof::DurabilityOptions options_;
  std::string boot_id_ = "boot-1";
  uint64_t most_rows_ = proof::kMostObservedRows;
  proof::PodFinder find_pod_;
  std::vector<proof::Observation> seen_;
  std::vector<std::string> told_;
  std::vector<std::string> warned_;
  proof::ObserverView view_;
  std::unique_ptr<proof::Observer> observer_;
};

}  // namespace vigie::testing
