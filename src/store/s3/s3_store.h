// A store in a bucket of a server that speaks S3: [<prefix>/]<job>/<id>/… as the folders of a local
// store (docs/formats/store-1.md). Each object is written whole or not at all, so that the rule
// "manifest last" is all that an artefact needs.
//
// S3 has no "create unless it is there" that every server knows: begin() and mark() look first. Two
// state folders that take one new bucket at the same moment find each other by the marker at the
// next look.
#pragma once

#include <memory>
#include <string>

#include "platform/clock.h"
#include "platform/http_client.h"
#include "store/options.h"
#include "store/store.h"

namespace vigie::store {

// `clock` must outlive the store, its writers and sources. `http` should keep connections.
std::unique_ptr<Store> make_s3_store(std::string name, const S3Options& options,
                                     std::shared_ptr<platform::HttpClient> http,
                                     const platform::Clock& clock);

}  // namespace vigie::store
