// What the ledger knows of its own damage: what a survey found, what ledger_damage entries say of
// it, and who has acknowledged it. Pure, but for identify_damages().
#pragma once

#include <stop_token>
#include <string_view>

#include "ledger/survey.h"

namespace vigie::ledger {

// Sets size and hash of each damaged segment, by which it is known again: what changes in it after
// it was recorded is new damage. `cancelled` when stopped.
Result<> identify_damages(platform::FileSystem& files, const platform::Path& folder, Survey& survey,
                          const std::stop_token& stop);

// Kinds of which the ledger itself must know what they say: damage, acknowledgements,
// verifications.
bool concerns_ledger(std::string_view kind);
void note_line(Survey& survey, std::string_view line);

// Sets recorded_seq and acknowledged of each damage from the records and the acknowledgement.
void match_damages(Survey& survey);

}  // namespace vigie::ledger
