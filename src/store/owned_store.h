// A store that is used only when it is ours, and there: before each use its marker is read
// (docs/formats/store-1.md). What stands before a mount that is gone, or before another's store, is
// an error, and nothing is written beneath it.
//
// Thread-safe, as the store that it wraps.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/clock.h"
#include "store/store.h"

namespace vigie::store {

// A state folder, as markers name it.
struct Owner {
  std::string id;
  std::string host;
  std::string state_folder;
};

struct Marker {
  std::string store_id;
  Owner owner;
  SystemTime created_at;

  std::string text() const;
  // Nothing when it is not a marker of this version.
  static std::optional<Marker> parse(std::string_view text);
};

// What the state folder knows of its stores, by their names in vigie.yaml.
struct StoreMemory {
  std::function<std::optional<std::string>(const std::string& name)> store_id;
  std::function<Result<>(const std::string& name, const std::string& store_id)> remember;
};

class OwnedStore final : public Store {
 public:
  // `clock` must outlive it.
  OwnedStore(std::shared_ptr<Store> store, Owner owner, StoreMemory memory,
             const platform::Clock& clock)
      : store_(std::move(store)),
        owner_(std::move(owner)),
        memory_(std::move(memory)),
        clock_(clock) {}

  // Whose it is; nothing when it has no owner, or is ours. Error: store_foreign when a newer
  // release marked it.
  Result<std::optional<Owner>> other_owner();
  // A person says that it is ours. Error: as other_owner().
  Result<> take_over();

  // All of them: also store_foreign, store_unreachable.
  const std::string& name() const override { return store_->name(); }
  Features features() const override { return store_->features(); }
  std::shared_ptr<Store> within(const CallLimits& limits) const override {
    return std::make_shared<OwnedStore>(store_->within(limits), owner_, memory_, clock_);
  }
  Result<std::unique_ptr<ArtefactWriter>> begin(const BackupId& id) override;
  Result<bool> exists(const BackupId& id) override;
  Result<std::vector<BackupId>> list() override;
  Result<std::vector<BackupId>> debris() override;
  Result<std::unique_ptr<artefact::ArtefactSource>> open(const BackupId& id) override;
  Result<> remove(const BackupId& id) override;
  Result<> probe(std::string_view job) override;
  Result<> look(std::string_view job) override;
  Result<platform::Space> space() override;
  platform::Path artefact_path(const BackupId& id) const override {
    return store_->artefact_path(id);
  }
  // Of our own copy only, without the owner's name: "ledger/ledger-000001.jsonl". Nothing is put
  // into a store that is not marked yet: store_unreachable. Evidence alone makes no store.
  Result<std::vector<EvidenceFile>> evidence() override;
  Result<std::unique_ptr<platform::ReadableFile>> open_evidence(std::string_view name) override;
  Result<EvidenceFile> put_evidence(std::string_view name, const platform::ReadableFile& from,
                                    Bytes size) override;
  // False: nobody has marked it yet.
  Result<bool> is_ours(const CallLimits& limits = no_limits());
  Result<std::optional<std::string>> marker() override { return store_->marker(); }
  Result<> mark(std::string_view text, bool replace) override {
    return store_->mark(text, replace);
  }

 private:
  enum class Standing : unsigned char { ours, unmarked };
  Result<Standing> judge_standing();
  Result<Standing> judge_text(const std::string& text);
  Result<Standing> judge(const Marker& marker);
  Result<Standing> judge_unmarked();
  Result<std::optional<Marker>> replaceable_marker();
  Result<> claim();
  std::string own_name(std::string_view name) const { return owner_.id + "/" + std::string(name); }
  tl::unexpected<Error> foreign(std::string reason, const Owner& owner) const;

  const std::shared_ptr<Store> store_;
  const Owner owner_;
  const StoreMemory memory_;
  const platform::Clock& clock_;
};

}  // namespace vigie::store
