#include "proof/scratch.h"

#include <fmt/format.h>

#include <algorithm>

#include "proof/collation.h"
#include "proof/marked_server.h"
#include "proof/preload.h"
#include "proof/scratch_server.h"
#include "store/options.h"

namespace vigie::proof {
namespace {

// What a restored database takes for each raw byte: its rows, its indexes, what pg_restore sorts.
constexpr uint64_t kSpaceForEachByte = 2;
constexpr Bytes kSpaceOfAServer = 256_MiB;
// Whoever else lives on the disk must go on: PostgreSQL, and pods that Kubernetes evicts below it.
constexpr store::Reserve kReserve{.percent = 5, .bytes = {}};

class LocalScratch final : public Scratch {
 public:
  LocalScratch(ScratchWish wish, const RestoreTools& tools)
      : wish_(std::move(wish)), options_(wish_.request.options), tools_(tools) {}

  Result<> prepare(const Work&) override {
    TRY(clear_scratch_folder(tools_.files, scratch_folder_of(options_)));
    return check_space();
  }

  Result<> start(const Work& work) override {
    TRY_ASSIGN(auto clients, platform::find_server(tools_.files, wish_.major, wish_.bindir));
    ScratchRequest request;
    request.folder = scratch_folder_of(options_);
    request.clients = std::move(clients);
    request.user = options_.scratch.user;
    request.preload =
        fmt::format("{}", fmt::join(preload_libraries(wish_.manifest.server.preload), ","));
    request.jobs = static_cast<unsigned>(options_.scratch.jobs);
    TRY_ASSIGN(server_, ScratchServer::start(tools_.files, tools_.processes, tools_.postgres,
                                             tools_.clock, std::move(request), work));
    TRY_ASSIGN(const auto session,
               tools_.postgres.connect(server_->dsn("postgres"), "vigie scratch", work.limits()));
    const auto alike = check_collation(*session, wish_.manifest, work.limits());
    if (!alike && alike.error().code() != ErrorCode::restore_environment) return alike;
    if (!alike) doubt_ = alike.error();
    return {};
  }

  platform::Dsn database() const override { return server_->dsn(wish_.request.id.database); }
  std::string made_as() const override { return {}; }
  std::string system_identifier() const override { return {}; }
  std::vector<std::string> deviations() const override {
    if (!doubt_) return {};
    return {std::string(doubt_->parameter("reason"))};
  }
  std::optional<Error> doubt() const override { return doubt_; }

  Result<> end() override {
    server_.reset();
    return {};
  }

 private:
  Result<> check_space() {
    const platform::Path folder = options_.scratch.dir;
    TRY(tools_.files.create_folder(folder, 0755));
    TRY_ASSIGN(const platform::Space space, tools_.files.space(folder));
    Bytes needed{wish_.manifest.raw().count * kSpaceForEachByte + kSpaceOfAServer.count +
                 kReserve.of(space.total).count};
    if (shares_its_disk_with_staging(folder)) needed += wish_.manifest.raw();
    if (space.available >= needed) return {};
    return fail(ErrorCode::scratch_space,
                {{"expected", format_bytes(needed)}, {"observed", format_bytes(space.available)}});
  }

  // Where the backup is unpacked before pg_restore reads it.
  bool shares_its_disk_with_staging(const platform::Path& scratch) const {
    const auto here = tools_.files.info(scratch);
    const auto there = tools_.files.info(wish_.request.folder.parent_path());
    return !here || !there || here->device == there->device;
  }

  const ScratchWish wish_;
  const DrillOptions& options_;
  const RestoreTools& tools_;
  std::unique_ptr<ScratchServer> server_;
  std::optional<Error> doubt_;
};

MarkedServerRequest marked_request(const DrillOptions& options, const std::string& owner) {
  return {options.name, options.scratch.dsn, options.scratch.marker_database, owner, {}, {}};
}

class ServerScratch final : public Scratch {
 public:
  ServerScratch(ScratchWish wish, const RestoreTools& tools)
      : wish_(std::move(wish)), tools_(tools) {}

  Result<> prepare(const Work& work) override {
    MarkedServerRequest request =
        marked_request(wish_.request.options, wish_.request.scratch_owner);
    request.backup = &wish_.manifest;
    request.sources = wish_.request.sources;
    TRY_ASSIGN(server_, MarkedServer::open(tools_.postgres, std::move(request), work.limits()));
    TRY(server_->remove_databases(work.limits()));
    return server_->check_fits(wish_.manifest, wish_.major, work.limits());
  }

  Result<> start(const Work&) override { return {}; }
  platform::Dsn database() const override { return server_->database(); }
  std::string made_as() const override { return server_->made_as(); }
  std::string system_identifier() const override { return server_->system_identifier(); }

  std::vector<std::string> deviations() const override {
    std::vector<std::string> out{
        "restored into a database of a server that is there already: its "
        "free space was not looked at"};
    if (server_ && !server_->not_compared().empty())
      out.push_back(
          fmt::format("whether the scratch server is the one of these could not be seen: {}",
                      fmt::join(server_->not_compared(), ", ")));
    return out;
  }

  // It is refused where there is one.
  std::optional<Error> doubt() const override { return std::nullopt; }

  Result<> end() override {
    if (!server_) return {};
    const auto removed = server_->remove_databases(MarkedServer::last_acts());
    server_.reset();
    return removed;
  }

 private:
  const ScratchWish wish_;
  const RestoreTools& tools_;
  std::unique_ptr<MarkedServer> server_;
};

}  // namespace

std::unique_ptr<Scratch> make_scratch(ScratchWish wish, const RestoreTools& tools) {
  if (wish.request.options.scratch.type == ScratchType::server)
    return std::make_unique<ServerScratch>(std::move(wish), tools);
  return std::make_unique<LocalScratch>(std::move(wish), tools);
}

Result<> clear_scratch(const DrillOptions& options, const std::string& owner,
                       const RestoreTools& tools, const CallLimits& limits) {
  if (options.scratch.type == ScratchType::local)
    return clear_scratch_folder(tools.files, scratch_folder_of(options));
  TRY_ASSIGN(const auto server,
             MarkedServer::open(tools.postgres, marked_request(options, owner), limits));
  return server->remove_databases(limits);
}

}  // namespace vigie::proof
