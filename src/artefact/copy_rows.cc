#include "artefact/copy_rows.h"

#include <algorithm>
#include <cstring>

namespace vigie::artefact {
namespace {

const unsigned char* find_newline(const unsigned char* at, const unsigned char* end) {
  return static_cast<const unsigned char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
}

bool is_end_of_copy(const unsigned char* line, uint64_t length) {
  return length == 2 && line[0] == '\\' && line[1] == '.';
}

}  // namespace

void CopyRows::update(ByteSpan bytes) {
  const unsigned char* at = bytes.data();
  const unsigned char* const end = at + bytes.size();
  if (state_ == State::rows && open_bytes_ > 0 && at != end) at = take_open_line(at, end);
  if (state_ == State::rows) at = take_lines(at, end);
  if (state_ != State::rows) take_trailer({at, end});
}

// All lines that end within [at, end); the beginning of the next is kept open.
const unsigned char* CopyRows::take_lines(const unsigned char* at, const unsigned char* end) {
  while (at != end) {
    const unsigned char* const newline = find_newline(at, end);
    if (newline == nullptr) {
      open_line({at, end});
      return end;
    }
    if (is_end_of_copy(at, static_cast<uint64_t>(newline - at))) {
      state_ = State::trailer;
      return newline + 1;
    }
    summary_.add(hash_row(start_, {at, newline}));
    at = newline + 1;
  }
  return at;
}

const unsigned char* CopyRows::take_open_line(const unsigned char* at, const unsigned char* end) {
  const unsigned char* const newline = find_newline(at, end);
  open_line({at, newline == nullptr ? end : newline});
  if (newline == nullptr) return end;
  const Fingerprint row = row_.finish();
  if (is_end_of_copy(head_, open_bytes_)) {
    state_ = State::trailer;
  } else {
    summary_.add(row);
  }
  open_bytes_ = 0;
  return newline + 1;
}

void CopyRows::open_line(ByteSpan piece) {
  for (size_t i = 0; i < piece.size() && open_bytes_ + i < 2; ++i) {
    head_[open_bytes_ + i] = piece[i];
  }
  open_bytes_ += piece.size();
  row_.update(piece);
}

void CopyRows::take_trailer(ByteSpan bytes) {
  for (const unsigned char byte : bytes) {
    if (state_ != State::trailer || byte != '\n') {
      state_ = State::broken;
      return;
    }
    if (++empty_lines_ == 2) state_ = State::complete;
  }
}

}  // namespace vigie::artefact
