// What somebody else has recorded of a kind that this release writes as well (subject.recorded): it
// speaks to the requirements that it names and to no others, and hides nothing of our own.
#pragma once

#include <string>
#include <string_view>

namespace vigie::ledger {

// No subject of ours begins so: a colon is in no name.
inline constexpr std::string_view kRecordedPrefix = "recorded:";

// Under which Newest keeps it, for each requirement that it names.
inline std::string recorded_subject(std::string_view requirement_id) {
  return std::string(kRecordedPrefix).append(requirement_id);
}

// Whether what is kept under `subject` may speak to the requirement at all.
inline bool may_speak_to(std::string_view subject, std::string_view requirement_id) {
  if (!subject.starts_with(kRecordedPrefix)) return true;
  return subject.substr(kRecordedPrefix.size()) == requirement_id;
}

}  // namespace vigie::ledger
