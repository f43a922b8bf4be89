#include "cli/all_verbs.h"

namespace vigie::cli {

std::span<const VerbSpec> verbs() {
  static const std::vector<VerbSpec> all = [] {
    std::vector<VerbSpec> joined;
    for (const auto& part :
         {backup_verbs(), restore_verbs(), drill_verbs(), durability_verbs(), amcheck_verbs(),
          status_verbs(), evidence_verbs(), matrix_verbs(), access_verbs(), daemon_verbs()}) {
      joined.insert(joined.end(), part.begin(), part.end());
    }
    return joined;
  }();
  return all;
}

}  // namespace vigie::cli
