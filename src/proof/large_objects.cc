#include "proof/large_objects.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "proof/session_settings.h"

namespace vigie::proof {
namespace {

using artefact::FileEntry;
using artefact::FileKind;

constexpr Bytes kBytesAtOnce = 64_MiB;  // that one question has the server read
constexpr size_t kPiecesAtOnce = 1000;

// NULL where there is no such object.
constexpr std::string_view kPieces = R"sql(
select encode(sha256(lo_get(m.oid, p.at, $3::int)), 'hex')
from unnest($1::oid[], $2::bigint[]) with ordinality p(oid, at, n)
left join pg_largeobject_metadata m on m.oid = p.oid order by n)sql";

// "dump/blob_16400.dat.zst" and "dump/blob_16400.dat.zst.age" are 16400.
std::optional<uint32_t> oid_of(const FileEntry& file) {
  constexpr std::string_view kBegin = "blob_";
  const std::string name = platform::Path(file.name).filename().string();
  uint32_t oid = 0;
  if (!name.starts_with(kBegin)) return std::nullopt;
  const auto [end, error] =
      std::from_chars(name.data() + kBegin.size(), name.data() + name.size(), oid);
  const bool whole = error == std::errc() && std::string_view(end).starts_with(".dat.");
  return whole ? std::optional(oid) : std::nullopt;
}

// Of one object: where it begins, and the hash of what the archive has there. The last one is
// shorter than the others, so that one byte more is found too.
struct Piece {
  uint32_t oid = 0;
  uint64_t at = 0;
  Sha256Digest digest{};
};

// As PostgreSQL writes an array.
template <class Member>
std::string array_of(const std::vector<Piece>& pieces, Member member) {
  std::string text = "{";
  for (const Piece& one : pieces) {
    if (text.size() > 1) text += ',';
    text += fmt::format("{}", one.*member);
  }
  return text + "}";
}

class Comparing {
 public:
  Comparing(platform::PgConnection& session, platform::FileSystem& files,
            const LargeObjectsRequest& request, const Work& work)
      : session_(session), files_(files), request_(request), work_(work) {}

  Result<LargeObjectsCompared> run() {
    for (const FileEntry& file : request_.manifest.files)
      if (file.kind == FileKind::blob) total_ += file.raw;
    for (const FileEntry& file : request_.manifest.files)
      if (file.kind == FileKind::blob) TRY(take(file));
    TRY(ask());
    return std::move(compared_);
  }

 private:
  Result<> take(const FileEntry& entry) {
    const auto oid = oid_of(entry);
    if (!oid)
      return fail(ErrorCode::manifest_invalid, {{"backup", request_.manifest.id.str()},
                                                {"reason", "files: a large object without oid"}});
    ++compared_.count;
    TRY_ASSIGN(const auto file,
               files_.open_read(request_.archive / fmt::format("blob_{}.dat", *oid)));
    for (uint64_t at = 0;; at += kLargeObjectPiece) {
      TRY_ASSIGN(const size_t count, file->read_at(at, buffer_));
      pieces_.push_back({*oid, at, sha256({buffer_.data(), count})});
      held_ += Bytes{count};
      if (pieces_.size() == kPiecesAtOnce || held_ >= kBytesAtOnce) TRY(ask());
      if (count < kLargeObjectPiece) return {};
    }
  }

  Result<> ask() {
    if (pieces_.empty()) return {};
    TRY_ASSIGN(const auto rows,
               session_.query(kPieces,
                              {array_of(pieces_, &Piece::oid), array_of(pieces_, &Piece::at),
                               fmt::format("{}", kLargeObjectPiece)},
                              work_.limits()));
    for (size_t i = 0; i < pieces_.size(); ++i) judge(pieces_[i], rows->at(i, 0));
    done_ += std::exchange(held_, Bytes{});
    pieces_.clear();
    work_.progress({"compare large objects", request_.manifest.id.database, done_, total_});
    return {};
  }

  void judge(const Piece& expected, std::string_view actual) {
    auto& differ = compared_.differ;
    const bool known = !differ.empty() && differ.back() == expected.oid;
    if (!known && actual != hex_encode(expected.digest)) differ.push_back(expected.oid);
  }

  platform::PgConnection& session_;
  platform::FileSystem& files_;
  const LargeObjectsRequest& request_;
  const Work& work_;
  std::vector<unsigned char> buffer_ = std::vector<unsigned char>(kLargeObjectPiece);
  std::vector<Piece> pieces_;  // that were not asked for yet
  Bytes held_;                 // in them
  Bytes done_;
  Bytes total_;
  LargeObjectsCompared compared_;
};

}  // namespace

Result<LargeObjectsCompared> compare_large_objects(platform::PgConnector& connector,
                                                   platform::FileSystem& files,
                                                   const LargeObjectsRequest& request,
                                                   const Work& work) {
  TRY_ASSIGN(const auto session,
             connector.connect(request.dsn, request.application_name, work.limits()));
  TRY(free_session(*session, request.manifest.server, work.limits()));
  return Comparing(*session, files, request, work).run();
}

}  // namespace vigie::proof
