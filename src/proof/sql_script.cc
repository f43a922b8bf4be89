#include "proof/sql_script.h"

#include <algorithm>

#include "platform/postgres.h"

namespace vigie::proof {
namespace {

enum class TokenKind : unsigned char { blank, word, quoted_name, other, end, unterminated };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
};

bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool continues_word(char c) {
  return starts_word(c) || (c >= '0' && c <= '9') || c == '$';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

constexpr size_t kNoEnd = std::string_view::npos;

// The length of what `quote` opens, closing quote included; a doubled quote stands for one.
size_t quoted_length(std::string_view text, char quote, bool backslash) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (backslash && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (i + 1 == text.size() || text[i + 1] != quote) return i + 1;
      ++i;
    }
  }
  return kNoEnd;
}

// Comments of this kind nest.
size_t comment_length(std::string_view text) {
  size_t depth = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const std::string_view two = text.substr(i, 2);
    if (two != "/*" && two != "*/") continue;
    depth += two == "/*" ? 1 : -1;
    ++i;
    if (depth == 0) return i + 1;
  }
  return kNoEnd;
}

// $tag$ … $tag$; 0: no dollar quote begins here.
size_t dollar_length(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && text[end] != '$' && continues_word(text[end])) ++end;
  const bool tag = end < text.size() && text[end] == '$' && (end == 1 || starts_word(text[1]));
  if (!tag) return 0;
  const std::string_view quote = text.substr(0, end + 1);
  const size_t close = text.find(quote, quote.size());
  return close == kNoEnd ? kNoEnd : close + quote.size();
}

size_t word_length(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, continues_word);
  return static_cast<size_t>(end - text.begin());
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token next() {
    if (text_.empty()) return {};
    const char c = text_.front();
    if (is_blank(c)) return take(TokenKind::blank, 1);
    if (text_.starts_with("--")) return take(TokenKind::blank, line_length());
    if (text_.starts_with("/*")) return take(TokenKind::blank, comment_length(text_));
    if (c == '\\') return take(TokenKind::blank, line_length());
    if (c == '\'') return take(TokenKind::other, quoted_length(text_, '\'', false));
    if (c == '"') return take(TokenKind::quoted_name, quoted_length(text_, '"', false));
    if (c == '$') return dollar();
    if ((c == 'E' || c == 'e') && text_.size() > 1 && text_[1] == '\'') return escaped();
    if (starts_word(c)) return take(TokenKind::word, word_length(text_));
    return take(TokenKind::other, 1);
  }

 private:
  size_t line_length() const { return std::min(text_.find('\n'), text_.size()); }
  Token dollar() {
    const size_t length = dollar_length(text_);
    return take(TokenKind::other, length == 0 ? 1 : length);
  }
  Token escaped() {
    const size_t length = quoted_length(text_.substr(1), '\'', true);
    return take(TokenKind::other, length == kNoEnd ? kNoEnd : length + 1);
  }
  Token take(TokenKind kind, size_t length) {
    if (length == kNoEnd) return {TokenKind::unterminated, text_};
    const Token token{kind, text_.substr(0, length)};
    text_.remove_prefix(length);
    return token;
  }

  std::string_view text_;
};

bool is_word(const Token& token, std::string_view lower_case) {
  return token.kind == TokenKind::word &&
         std::ranges::equal(token.text, lower_case, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
         });
}

// What an identifier means; of a word the folding to lower case is left to PostgreSQL's programs,
// which quote whatever it would change.
std::string meaning(const Token& token) {
  if (token.kind != TokenKind::quoted_name) return std::string(token.text);
  std::string out;
  const std::string_view inner = token.text.substr(1, token.text.size() - 2);
  for (size_t i = 0; i < inner.size(); ++i) {
    out += inner[i];
    if (inner[i] == '"') ++i;
  }
  return out;
}

bool is_name(const Token& token) {
  return token.kind == TokenKind::quoted_name ||
         (token.kind == TokenKind::word && !is_word(token, "in"));
}

}  // namespace

Result<std::vector<std::string>> split_statements(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  Lexer lexer(script);
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    if (token.kind == TokenKind::unterminated) return fail(ErrorCode::sql_unreadable);
    if (token.text == ";") {
      if (!statement.empty()) statements.push_back(std::move(statement));
      statement.clear();
    } else if (token.kind != TokenKind::blank) {
      statement += token.text;
    } else if (!statement.empty()) {
      // A line's end between two strings makes one of them.
      statement += is_blank(token.text.front()) ? token.text : " ";
    }
  }
  if (!statement.empty()) statements.push_back(std::move(statement));
  return statements;
}

std::string name_after(std::string_view statement, std::string_view keyword) {
  Lexer lexer(statement);
  bool expected = false;
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    if (token.kind == TokenKind::unterminated) break;
    if (token.kind == TokenKind::blank) continue;
    const bool name = token.kind == TokenKind::quoted_name || token.kind == TokenKind::word;
    if (expected) return name ? meaning(token) : std::string();
    expected = is_word(token, keyword);
  }
  return {};
}

std::string with_database_renamed(std::string_view statement, std::string_view from,
                                  std::string_view to) {
  Lexer lexer(statement);
  bool expected = false;
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    if (token.kind == TokenKind::unterminated) break;
    if (token.kind == TokenKind::blank) continue;
    if (expected && is_name(token) && meaning(token) == from) {
      const auto at = static_cast<size_t>(token.text.data() - statement.data());
      return std::string(statement.substr(0, at)) + platform::quote_identifier(to) +
             std::string(statement.substr(at + token.text.size()));
    }
    expected = is_word(token, "database");
  }
  return std::string(statement);
}

}  // namespace vigie::proof
