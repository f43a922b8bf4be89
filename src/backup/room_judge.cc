// Is a backup plausible beside the one before it? Judged before it enters the catalogue, so that no
// crash in between lets retention go on as if nothing had been found.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "backup/evidence.h"
#include "backup/plausibility.h"
#include "backup/room.h"
#include "platform/failpoint.h"

namespace vigie::backup {
namespace {

// What is not a number was not said by a server.
uint64_t as_identifier(std::string_view text) {
  uint64_t identifier = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), identifier);
  return identifier;
}

BackupOutline outline_of(const artefact::Manifest& manifest) {
  BackupOutline outline{manifest.raw(), {}, as_identifier(manifest.server.system_identifier)};
  for (const artefact::TableEntry& table : manifest.tables) {
    outline.tables.push_back({table.schema + "." + table.name, table.rows.rows});
  }
  return outline;
}

ledger::Entry alarm_entry(const PlausibilityAlarm& alarm, const Work& work) {
  ledger::Entry entry =
      evidence::about(ledger::kind::kPlausibility, alarm.backup, work, alarm.since);
  entry.result = ledger::outcome_of(find_error_info(alarm.error_code)->verdict);
  entry.error_code = alarm.error_code;
  entry.deviations = alarm.reasons;
  entry.follow_up = fmt::format("vigie backup ack {} --reason …", alarm.backup.str());
  return entry;
}

}  // namespace

// Of a copy too, which the catalogue does not know.
Result<std::string> BackupRoom::manifest_of(const ArtefactView& artefact) const {
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  return store::read_manifest(*store->store, artefact.id);
}

std::optional<ArtefactView> BackupRoom::good_before(const BackupId& id,
                                                    const BackupJobOptions& job) const {
  const auto known = catalogue_->of(id.job, id.database);
  const auto good = std::find_if(known.rbegin(), known.rend(), [&](const ArtefactView& one) {
    return one.id < id && counts_as_good(one, job);
  });
  return good == known.rend() ? std::nullopt : std::optional(*good);
}

// What cannot be judged freezes retention as well: it may be the loss that nobody has seen yet.
std::optional<PlausibilityAlarm> BackupRoom::judge(const artefact::Manifest& manifest,
                                                   const std::optional<ArtefactView>& previous,
                                                   const PlausibilityOptions& options) {
  if (!previous) return std::nullopt;  // a first one has nothing to be compared with
  PlausibilityAlarm alarm{manifest.id, {}, tools_.take.clock.now()};
  const auto text = manifest_of(*previous);
  const auto before =
      text ? artefact::Manifest::parse(*text, previous->id) : tl::unexpected(text.error());
  if (!before) {
    tools_.warn("backup.plausibility", before.error());
    alarm.error_code = error_info(ErrorCode::plausibility_unknown).name;
    alarm.reasons.push_back(
        fmt::format("could not be compared with {}, whose manifest cannot be read ({}): nothing "
                    "expires until somebody has looked",
                    previous->id.str(), before.error().info().name));
    return alarm;
  }
  for (const auto& finding : compare_backups(outline_of(*before), outline_of(manifest), options))
    alarm.reasons.push_back(finding.text());
  return alarm.reasons.empty() ? std::nullopt : std::optional(std::move(alarm));
}

Result<> BackupRoom::enter(const ArtefactView& artefact,
                           const std::optional<PlausibilityAlarm>& alarm, const Work& work) {
  if (alarm) TRY(record_once(alarm->backup, alarm_entry(*alarm, work)));
  platform::failpoint("backup.after_ledger");
  TRY(catalogue_->add(artefact, alarm));
  entered(artefact.id);
  platform::failpoint("backup.after_catalogue");
  return {};
}

}  // namespace vigie::backup
