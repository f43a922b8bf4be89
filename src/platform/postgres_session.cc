#include "platform/postgres_session.h"

#include <array>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "platform/detached.h"
#include "platform/postgres_error.h"

namespace vigie::platform {
namespace {

constexpr Bytes kMostRows = 64_MiB;
constexpr std::chrono::seconds kCancelPatience{2};
constexpr int kMostCancels = 8;
constexpr unsigned kRowsBetweenLooks = 256;

// The rows of one result in two arrays, as they came.
class CompactRows final : public PgRows {
 public:
  size_t rows() const override { return columns_ == 0 ? 0 : cells_.size() / columns_; }
  size_t columns() const override { return columns_; }
  std::string_view at(size_t row, size_t column) const override {
    const Cell& cell = cells_.at(row * columns_ + column);
    return cell.size == kNull ? std::string_view()
                              : std::string_view(text_).substr(cell.offset, cell.size);
  }
  bool is_null(size_t row, size_t column) const override {
    return cells_.at(row * columns_ + column).size == kNull;
  }

  void start(size_t columns) {
    columns_ = columns;
    cells_.clear();
    text_.clear();
  }
  void add(const PGresult& result) {
    for (int row = 0; row < ::PQntuples(&result); ++row) {
      for (int column = 0; column < ::PQnfields(&result); ++column) add(result, row, column);
    }
  }
  Bytes size() const { return Bytes{text_.size() + cells_.size() * sizeof(Cell)}; }

 private:
  static constexpr uint32_t kNull = std::numeric_limits<uint32_t>::max();
  struct Cell {
    uint32_t offset;  // kMostRows and one row (1 GiB at most) fit
    uint32_t size;
  };

  void add(const PGresult& result, int row, int column) {
    const bool null = ::PQgetisnull(&result, row, column) != 0;
    const auto size = static_cast<uint32_t>(::PQgetlength(&result, row, column));
    cells_.push_back({static_cast<uint32_t>(text_.size()), null ? kNull : size});
    if (!null) text_.append(::PQgetvalue(&result, row, column), size);
  }

  size_t columns_ = 0;
  std::vector<Cell> cells_;
  std::string text_;
};

struct Cancel {
  struct Free {
    void operator()(PGcancel* cancel) const { ::PQfreeCancel(cancel); }
  };
  std::unique_ptr<PGcancel, Free> handle;
};

// PQcancel opens a connection of its own and waits for the server to close it, without a deadline.
void cancel_running(PGconn* connection) {
  static DetachedSlots slots(kMostCancels);
  const auto cancel = std::make_shared<Cancel>();
  cancel->handle.reset(::PQgetCancel(connection));
  if (!cancel->handle) return;
  const auto send = [](Cancel& one) {
    std::array<char, 256> text{};
    (void)::PQcancel(one.handle.get(), text.data(), static_cast<int>(text.size()));
  };
  (void)run_detached(cancel, send, slots, MonoTime::clock::now() + kCancelPatience,
                     StopSignal(std::stop_token()));
}

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

// One call's limits, and what to say when they are reached.
struct Call {
  explicit Call(const CallLimits& limits)
      : deadline(limits.deadline), began(MonoTime::clock::now()), stop(limits.stop) {}
  bool over() const { return stop.stopped() || MonoTime::clock::now() >= deadline; }

  MonoTime deadline;
  MonoTime began;
  StopSignal stop;
};

class PgSession final : public PgConnection {
 public:
  PgSession(PgHandle connection, std::string database)
      : connection_(std::move(connection)), database_(std::move(database)) {
    ::PQsetnonblocking(connection_.get(), 1);
    version_ = ::PQserverVersion(connection_.get());
    backend_ = ::PQbackendPID(connection_.get());
  }

  Result<std::unique_ptr<PgRows>> query(std::string_view sql, const CallLimits& limits) override {
    TRY(check_text(sql));
    const Call call(limits);
    if (::PQsendQuery(connection_.get(), std::string(sql).c_str()) == 0) return lost();
    return collect(call);
  }

  Result<std::unique_ptr<PgRows>> query(std::string_view sql,
                                        const std::vector<std::optional<std::string>>& parameters,
                                        const CallLimits& limits) override {
    TRY(check_text(sql));
    std::vector<const char*> values;
    for (const auto& one : parameters) {
      if (one) TRY(check_text(*one));
      values.push_back(one ? one->c_str() : nullptr);
    }
    const Call call(limits);
    if (::PQsendQueryParams(connection_.get(), std::string(sql).c_str(),
                            static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                            nullptr, 0) == 0) {
      return lost();
    }
    return collect(call);
  }

  Result<> copy_out(std::string_view sql, const std::function<bool(std::string_view)>& sink,
                    const CallLimits& limits) override {
    TRY(check_text(sql));
    const Call call(limits);
    if (::PQsendQuery(connection_.get(), std::string(sql).c_str()) == 0) return lost();
    TRY(flush(call));
    TRY_ASSIGN(const PgResultHandle first, next_result(call));
    const ExecStatusType status = first ? ::PQresultStatus(first.get()) : PGRES_FATAL_ERROR;
    if (status != PGRES_COPY_OUT) {
      const auto drained = drain(call);
      if (status == PGRES_FATAL_ERROR) return fail(error_of(first.get()));
      TRY(drained);
      return fail(ErrorCode::internal_error, {{"reason", "copy_out was given another statement"}});
    }
    TRY(take_rows(sink, call));
    return finish_copy(call);
  }

  int server_version() const override { return version_; }
  int backend_pid() const override { return backend_; }
  std::string parameter_status(std::string_view name) const override {
    const char* value =
        connection_ ? ::PQparameterStatus(connection_.get(), std::string(name).c_str()) : nullptr;
    return value == nullptr ? "" : value;
  }

 private:
  Result<> check_text(std::string_view text) const {
    if (!connection_) return fail(connection_lost(database_));
    if (has_nul(text)) return fail(statement_error(database_, "22021"));
    return {};
  }

  // The session is over: what runs on it is cancelled, and the socket closed.
  tl::unexpected<Error> give_up(Error error, bool cancel) {
    if (cancel) cancel_running(connection_.get());
    connection_.reset();
    return fail(std::move(error));
  }
  tl::unexpected<Error> lost() { return give_up(connection_lost(database_), false); }
  tl::unexpected<Error> over(const Call& call) {
    if (call.stop.stopped()) {
      return give_up(Error(ErrorCode::cancelled, {{"reason", "stopped on request"}}), true);
    }
    return give_up(
        timed_out(database_, std::chrono::ceil<std::chrono::seconds>(call.deadline - call.began)),
        true);
  }

  Error error_of(const PGresult* result) const {
    const char* state = result ? ::PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    return statement_error(database_, state == nullptr ? "" : state);
  }

  Result<> wait_for_socket(short events, const Call& call) {
    const int socket = ::PQsocket(connection_.get());
    if (socket < 0) return lost();
    if (wait_for(socket, events, call.deadline, call.stop) != WaitEnd::ready) return over(call);
    return {};
  }

  // Sends what waits, and reads meanwhile: a server that cannot send to us does not read.
  Result<> flush(const Call& call) {
    while (true) {
      const int left = ::PQflush(connection_.get());
      if (left == 0) return {};
      if (left < 0) return lost();
      TRY(wait_for_socket(POLLIN | POLLOUT, call));
      if (::PQconsumeInput(connection_.get()) == 0) return lost();
    }
  }

  // Null after the last one.
  Result<PgResultHandle> next_result(const Call& call) {
    while (::PQisBusy(connection_.get()) != 0) {
      TRY(wait_for_socket(POLLIN, call));
      if (::PQconsumeInput(connection_.get()) == 0) return lost();
    }
    return PgResultHandle(::PQgetResult(connection_.get()));
  }

  Result<> drain(const Call& call) {
    while (true) {
      TRY_ASSIGN(const PgResultHandle result, next_result(call));
      if (!result) return {};
      // After these libpq would hand out the same result for ever.
      const ExecStatusType status = ::PQresultStatus(result.get());
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        return give_up(Error(ErrorCode::internal_error, {{"reason", "a COPY where none belongs"}}),
                       true);
      }
    }
  }

  Result<std::unique_ptr<PgRows>> collect(const Call& call) {
    ::PQsetSingleRowMode(connection_.get());
    TRY(flush(call));
    auto rows = std::make_unique<CompactRows>();
    std::optional<Error> failed;
    bool begun = false;  // rows of the current statement came
    for (unsigned count = 0;; ++count) {
      auto next = next_result(call);
      // After a FATAL the server closes the connection: what it said first counts.
      if (!next) return fail(failed ? *std::move(failed) : std::move(next).error());
      const PgResultHandle result = *std::move(next);
      if (!result) break;
      TRY(take(*result, *rows, begun, failed));
      if (count % kRowsBetweenLooks == 0 && call.over()) return over(call);
    }
    if (failed) return after_error(*std::move(failed));
    return rows;
  }

  Result<> take(const PGresult& result, CompactRows& rows, bool& begun,
                std::optional<Error>& failed) {
    switch (::PQresultStatus(&result)) {
      case PGRES_SINGLE_TUPLE:
      case PGRES_TUPLES_OK:
        if (!begun) rows.start(static_cast<size_t>(::PQnfields(&result)));
        begun = ::PQresultStatus(&result) == PGRES_SINGLE_TUPLE;
        rows.add(result);
        return check_size(rows);
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        rows.start(0);
        begun = false;
        return {};
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return give_up(Error(ErrorCode::internal_error, {{"reason", "a COPY where none belongs"}}),
                       true);
      default:
        if (!failed) failed = error_of(&result);
        return {};
    }
  }

  Result<> check_size(const CompactRows& rows) {
    if (rows.size() <= kMostRows) return {};
    return give_up(Error(ErrorCode::limit_exceeded, {{"name", "the answer of " + database_},
                                                     {"observed", format_bytes(rows.size())},
                                                     {"limit", format_bytes(kMostRows)}}),
                   true);
  }

  tl::unexpected<Error> after_error(Error error) {
    if (::PQstatus(connection_.get()) == CONNECTION_BAD) return give_up(std::move(error), false);
    return fail(std::move(error));
  }

  struct FreeMemory {
    void operator()(char* memory) const { ::PQfreemem(memory); }
  };

  Result<> take_rows(const std::function<bool(std::string_view)>& sink, const Call& call) {
    for (unsigned count = 0;; ++count) {
      char* data = nullptr;
      const int size = ::PQgetCopyData(connection_.get(), &data, 1);
      const std::unique_ptr<char, FreeMemory> row(data);
      if (size == -1) return {};
      if (size == -2) return lost();
      if (size > 0 && !sink({data, static_cast<size_t>(size)})) {
        return give_up(Error(ErrorCode::cancelled, {{"reason", "the reader had enough"}}), true);
      }
      if (size == 0) {
        TRY(wait_for_socket(POLLIN, call));
        if (::PQconsumeInput(connection_.get()) == 0) return lost();
      }
      if (count % kRowsBetweenLooks == 0 && call.over()) return over(call);
    }
  }

  Result<> finish_copy(const Call& call) {
    TRY_ASSIGN(const PgResultHandle end, next_result(call));
    const bool good = end && ::PQresultStatus(end.get()) == PGRES_COMMAND_OK;
    std::optional<Error> failed;
    if (!good) failed = error_of(end.get());
    const auto drained = drain(call);
    if (!failed) return drained;
    if (!drained) return fail(*std::move(failed));  // the session is over already
    return after_error(*std::move(failed));
  }

  PgHandle connection_;  // null once the session is over
  std::string database_;
  int version_ = 0;
  int backend_ = 0;
};

}  // namespace

std::unique_ptr<PgConnection> make_pg_session(PgHandle connection, std::string database) {
  return std::make_unique<PgSession>(std::move(connection), std::move(database));
}

}  // namespace vigie::platform
