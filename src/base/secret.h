// A password, a key or a token. It cannot be formatted, compared or logged; whoever needs the text
// asks for it by reveal(), which is easy to find in a review. Its memory is cleared when it ends.
#pragma once

#include <openssl/crypto.h>

#include <string>
#include <string_view>
#include <utility>

namespace vigie {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.clear(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { clear(); }

  bool empty() const { return text_.empty(); }
  const std::string& reveal() const { return text_; }

 private:
  void clear() { OPENSSL_cleanse(text_.data(), text_.size()); }
  std::string text_;
};

// What a token of Vigie's own looks like (docs/formats/tokens-1.md): also one that this process has
// never seen in clear is known by its form.
inline constexpr std::string_view kTokenPrefix = "vgt_";
inline constexpr size_t kTokenRandomLength = 43;  // base64url of 32 bytes

}  // namespace vigie
