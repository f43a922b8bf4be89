#include "store/discard.h"

namespace vigie::store {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

}  // namespace

void discard_unpublished(ArtefactWriter& writer, const Store& store, const BackupId& id,
                         const platform::Clock& clock) {
  const auto published = store.within({clock.monotonic() + kPatience, {}})->exists(id);
  if (published && !*published) (void)writer.discard();
}

}  // namespace vigie::store
