// A server that hangs in the middle of a piece of work: it has the statement, and never answers.
#pragma once

#include <signal.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/postgres.h"

namespace vigie::testing {

// Stops the real server's process of the first session that says a statement with `words` in it.
// It goes on when this object ends, which is before the server does. Thread-safe as far as one
// session says them.
class HangingServer final : public platform::PgConnector {
 public:
  // `hangs` is told then, in the thread that will wait.
  HangingServer(platform::PgConnector& below, std::string words, std::function<void()> hangs = {})
      : below_(below), words_(std::move(words)), hangs_(std::move(hangs)) {}
  ~HangingServer() override {
    if (hung()) ::kill(pid_, SIGCONT);
  }
  bool hung() const { return pid_ > 0; }

  Result<std::unique_ptr<platform::PgConnection>> connect(const platform::Dsn& dsn,
                                                          std::string_view application_name,
                                                          const CallLimits& limits) override {
    TRY_ASSIGN(auto session, below_.connect(dsn, application_name, limits));
    return std::make_unique<Session>(std::move(session), *this);
  }

 private:
  class Session final : public platform::PgConnection {
   public:
    Session(std::unique_ptr<platform::PgConnection> below, HangingServer& all)
        : below_(std::move(below)), all_(all) {}
    Result<std::unique_ptr<platform::PgRows>> query(std::string_view sql,
                                                    const CallLimits& limits) override {
      all_.look(sql, *below_);
      return below_->query(sql, limits);
    }
    Result<std::unique_ptr<platform::PgRows>> query(
        std::string_view sql, const std::vector<std::optional<std::string>>& parameters,
        const CallLimits& limits) override {
      all_.look(sql, *below_);
      return below_->query(sql, parameters, limits);
    }
    Result<> copy_out(std::string_view sql, const std::function<bool(std::string_view)>& sink,
                      const CallLimits& limits) override {
      all_.look(sql, *below_);
      return below_->copy_out(sql, sink, limits);
    }
    int server_version() const override { return below_->server_version(); }
    int backend_pid() const override { return below_->backend_pid(); }
    std::string parameter_status(std::string_view name) const override {
      return below_->parameter_status(name);
    }

   private:
    std::unique_ptr<platform::PgConnection> below_;
    HangingServer& all_;
  };

  void look(std::string_view sql, const platform::PgConnection& session) {
    if (sql.find(words_) == std::string_view::npos || hung()) return;
    pid_ = session.backend_pid();
    ::kill(pid_, SIGSTOP);
    if (hangs_) hangs_();
  }

  platform::PgConnector& below_;
  const std::string words_;
  const std::function<void()> hangs_;
  pid_t pid_ = 0;
};

}  // namespace vigie::testing
