// A connection that breaks at the worst moment: the server has done what it was asked, and its
// answer never comes.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "platform/postgres.h"

namespace vigie::testing {

// Of statements that begin with `prefix`, and only when it was told to. One thread at a time.
class LosesAnswers final : public platform::PgConnector {
 public:
  LosesAnswers(platform::PgConnector& below, std::string prefix)
      : below_(below), prefix_(std::move(prefix)) {}

  void lose_next() { armed_ = true; }

  Result<std::unique_ptr<platform::PgConnection>> connect(const platform::Dsn& dsn,
                                                          std::string_view application_name,
                                                          const CallLimits& limits) override {
    TRY_ASSIGN(auto session, below_.connect(dsn, application_name, limits));
    return std::make_unique<Session>(std::move(session), *this);
  }

 private:
  class Session final : public platform::PgConnection {
   public:
    Session(std::unique_ptr<platform::PgConnection> below, LosesAnswers& all)
        : below_(std::move(below)), all_(all) {}
    Result<std::unique_ptr<platform::PgRows>> query(std::string_view sql,
                                                    const CallLimits& limits) override {
      return all_.pass(sql, below_->query(sql, limits));
    }
    Result<std::unique_ptr<platform::PgRows>> query(
        std::string_view sql, const std::vector<std::optional<std::string>>& parameters,
        const CallLimits& limits) override {
      return all_.pass(sql, below_->query(sql, parameters, limits));
    }
    Result<> copy_out(std::string_view sql, const std::function<bool(std::string_view)>& sink,
                      const CallLimits& limits) override {
      return below_->copy_out(sql, sink, limits);
    }
    int server_version() const override { return below_->server_version(); }
    int backend_pid() const override { return below_->backend_pid(); }
    std::string parameter_status(std::string_view name) const override {
      return below_->parameter_status(name);
    }

   private:
    std::unique_ptr<platform::PgConnection> below_;
    LosesAnswers& all_;
  };

  Result<std::unique_ptr<platform::PgRows>> pass(std::string_view sql,
                                                 Result<std::unique_ptr<platform::PgRows>> answer) {
    if (!armed_ || !sql.starts_with(prefix_)) return answer;
    armed_ = false;
    return fail(ErrorCode::database_unreachable,
                {{"database", "of this test"}, {"reason", "the session is gone"}});
  }

  platform::PgConnector& below_;
  const std::string prefix_;
  bool armed_ = false;
};

}  // namespace vigie::testing
