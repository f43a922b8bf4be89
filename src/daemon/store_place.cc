#include "daemon/store_place.h"

namespace vigie::daemon {
namespace {

// Of one update: a first copy over a slow line has a long way to go.
constexpr auto kUpdateLimit = std::chrono::hours(1);

ledger::CopiedFile copied(store::EvidenceFile file) {
  return {std::move(file.name), file.size, std::move(file.tag)};
}

class StorePlace final : public ledger::CopyPlace {
 public:
  explicit StorePlace(std::shared_ptr<store::Store> store) : store_(std::move(store)) {}

  Result<std::vector<ledger::CopiedFile>> list() override {
    TRY_ASSIGN(auto files, store_->evidence());
    std::vector<ledger::CopiedFile> out;
    for (store::EvidenceFile& one : files) out.push_back(copied(std::move(one)));
    return out;
  }
  Result<std::unique_ptr<platform::ReadableFile>> open(const std::string& name) override {
    return store_->open_evidence(name);
  }
  Result<ledger::CopiedFile> put(const std::string& name, const platform::ReadableFile& from,
                                 Bytes size) override {
    TRY_ASSIGN(auto file, store_->put_evidence(name, from, size));
    return copied(std::move(file));
  }

 private:
  const std::shared_ptr<store::Store> store_;
};

}  // namespace

ledger::OpenPlace store_place(std::function<backup::SetupPtr()> setup, std::string store,
                              const platform::Clock& clock) {
  return [setup = std::move(setup), store = std::move(store),
          &clock](const std::stop_token& stop) -> Result<std::unique_ptr<ledger::CopyPlace>> {
    std::unique_ptr<ledger::CopyPlace> place;
    const backup::SetupPtr now = setup();
    const backup::StoreSetup* const found = now->store(store);
    if (found == nullptr || !found->owned) return place;
    const CallLimits limits{clock.monotonic() + kUpdateLimit, stop};
    TRY_ASSIGN(const bool ours, found->owned->is_ours(limits));
    if (ours) place = std::make_unique<StorePlace>(found->owned->within(limits));
    return place;
  };
}

}  // namespace vigie::daemon
