// One request of S3 and its answer: addressed, signed, sent, and repeated when the connection broke
// or the server was at its wits' end. Each request has a deadline of its own beside that of its
// work: no byte for a minute ends it.
//
// Thread-safe. No answer's words are passed on: of an error only its code, when it has the form of
// one.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/work.h"
#include "platform/clock.h"
#include "platform/http_client.h"
#include "platform/turns.h"
#include "store/options.h"
#include "store/s3/signature.h"

namespace vigie::store::s3 {

using Body = std::shared_ptr<const std::string>;

struct Request {
  std::string method{};
  std::string key{};  // empty: the bucket itself
  Query query{};
  Headers headers{};          // names in lower case
  Body body{};                // may be null
  std::string body_sha256{};  // in hexadecimal, where it is known; empty: it is made
  Bytes max_answer = 4_MiB;
  // Of a backup on its way: an outage of about 20 s is waited out, else of about 1 s.
  bool patient = false;
};

// Any that is not worth another attempt.
struct Answer {
  int status = 0;
  std::string code{};  // of an error, as S3 names it: "AccessDenied"; may be empty
  platform::HttpAnswer http{};

  bool done() const { return status >= 200 && status < 300 && code.empty(); }
};

class Exchange {
 public:
  // `clock` must outlive it. `store`: its name, for errors.
  Exchange(std::string store, S3Options options, std::shared_ptr<platform::HttpClient> http,
           const platform::Clock& clock);

  // Errors: store_unreachable, cancelled, deadline_exceeded, those of the credentials file.
  Result<Answer> send(const Request& request, const CallLimits& limits);

  // store_refused, in words for an answer that is not done().
  Error refusal(const Request& request, const Answer& answer) const;
  // store_unreachable: it answers, and not as S3 does.
  Error nonsense(std::string reason) const;

  const std::string& store() const { return store_; }
  const S3Options& options() const { return options_; }
  const platform::Clock& clock() const { return clock_; }

  // What is written needs an MD5 beside its signature: it has said so.
  bool wants_md5() const { return wants_md5_; }
  void remember_md5() { wants_md5_ = true; }

 private:
  Result<Answer> send_once(const Request& request, const CallLimits& limits);
  Result<platform::HttpAnswer> transfer(const Request& request, const CallLimits& limits);
  Result<platform::HttpRequest> signed_request(const Request& request) const;
  Result<> pause(int attempt, const CallLimits& limits) const;
  Error unreachable(std::string reason) const;

  const std::string store_;
  const S3Options options_;
  const std::string host_;  // as the Host header has it
  const std::shared_ptr<platform::HttpClient> http_;
  const platform::Clock& clock_;
  std::atomic<bool> wants_md5_ = false;
  platform::Turns uploads_;  // that share one rate go one after the other
};

}  // namespace vigie::store::s3
