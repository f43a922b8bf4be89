#include "store/make_store.h"

#include "platform/http_client.h"
#include "store/local/local_store.h"
#include "store/s3/s3_store.h"

namespace vigie::store {

std::shared_ptr<Store> make_store(const StoreOptions& options, platform::FileSystem& files,
                                  const platform::Clock& clock) {
  constexpr size_t kKeptConnections = 8;
  if (options.type == StoreType::s3)
    return make_s3_store(options.name, options.s3, platform::make_http_client(kKeptConnections),
                         clock);
  return make_local_store(files, options.name, options.path);
}

}  // namespace vigie::store
