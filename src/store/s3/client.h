// The requests of S3 that a store needs, each a function. Every answer is looked at: a size, an
// ETag, a range that is not what it must be is an error.
//
// A Client is a handle, cheap to copy; thread-safe. Errors of all of them: store_unreachable,
// store_refused, cancelled, deadline_exceeded, those of the credentials file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/s3/answers.h"
#include "store/s3/exchange.h"

namespace vigie::store::s3 {

struct Piece {
  std::string bytes;
  Bytes total;  // of the whole object
  std::string etag;
};

class Client {
 public:
  Client(std::shared_ptr<Exchange> exchange, CallLimits limits)
      : exchange_(std::move(exchange)), limits_(std::move(limits)) {}

  // The same, for one piece of work.
  Client within(const CallLimits& limits) const { return {exchange_, limits}; }
  // For what has to be done after that work was stopped.
  Client for_cleaning() const;

  const std::string& store() const { return exchange_->store(); }
  const CallLimits& limits() const { return limits_; }

  // Every object below the prefix, page by page, in the order of the keys.
  Result<> each(const std::string& prefix, const std::function<void(Object)>& take) const;
  // The names of the folders directly below the prefix ("" or one with a slash at its end).
  Result<std::vector<std::string>> folders(const std::string& prefix) const;
  // The first object at or below the prefix.
  Result<std::optional<Object>> first(const std::string& prefix) const;
  // Nothing when there is none of that key.
  Result<std::optional<Object>> find(const std::string& key) const;

  // Up to `length` bytes from `offset`; fewer only at the object's end. `etag`: the object that it
  // must still be; empty: any. Nothing when there is no such object.
  Result<std::optional<Piece>> get(const std::string& key, uint64_t offset, Bytes length,
                                   const std::string& etag) const;

  // The beginning of a small one, for who will not wait as long for it as for a file of a backup.
  Result<std::optional<Piece>> get_small(const std::string& key, Bytes length) const;

  // Each gives the ETag of what was written. `sha256`: of the body, in hexadecimal; empty: it is
  // made.
  Result<std::string> put(const std::string& key, Body body, std::string sha256 = {}) const;
  Result<std::string> begin_upload(const std::string& key) const;  // gives the upload's id
  Result<std::string> put_part(const Upload& upload, size_t number, Body body,
                               std::string sha256 = {}) const;
  Result<std::string> finish_upload(const Upload& upload, const std::vector<std::string>& etags,
                                    Bytes size) const;
  Result<> abort(const Upload& upload) const;
  // Those that were begun below the prefix and not finished.
  Result<std::vector<Upload>> uploads(const std::string& prefix) const;

  // Fine when it is not there.
  Result<> remove(const std::string& key) const;
  Result<> remove_all(const std::vector<std::string>& keys) const;

 private:
  Result<Answer> send(const Request& request) const;
  Result<std::optional<Piece>> get(Request request, uint64_t offset, Bytes length) const;
  Result<Answer> send_done(const Request& request) const;
  Result<std::string> write(Request request) const;
  Result<ObjectPage> page(Query query) const;
  Result<> each_page(Query query, const std::function<void(ObjectPage&)>& take) const;
  Result<> remove_some(std::span<const std::string> keys) const;
  Result<std::string> what_became_of(const Upload& upload, Bytes size) const;
  Headers encryption_headers() const;

  std::shared_ptr<Exchange> exchange_;
  CallLimits limits_;
};

}  // namespace vigie::store::s3
