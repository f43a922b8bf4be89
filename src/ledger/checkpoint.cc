#include "ledger/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"

namespace vigie::ledger {
namespace {

constexpr std::string_view kCheckpoint = "vigie.checkpoint/1";
constexpr std::string_view kIntroduction = "vigie.checkpoint-key/1";
constexpr std::string_view kBeginning = R"({"at":")";

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  json::error_code error;
  const uint64_t number = value == nullptr ? 0 : value->to_number<uint64_t>(error);
  return error || number > kMaxSeq ? 0 : number;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string message_of(json::object object) {
  object.erase("sig");
  object.erase("new_sig");
  return canonical_json(object);
}

bool read_kind(const json::object& object, CheckpointLine& line) {
  const std::string schema = text_of(object, "schema");
  if (schema == kCheckpoint) {
    line.checkpoint.size = number_of(object, "size");
    line.checkpoint.head = text_of(object, "head");
    return line.checkpoint.size > 0 && is_hash(line.checkpoint.head);
  }
  if (schema != kIntroduction) return false;
  line.new_key = PublicKey::from_hex(text_of(object, "new_key"));
  line.new_key_id = text_of(object, "new_key_id");
  line.new_signature = text_of(object, "new_sig");
  return line.new_key && line.new_key->id() == line.new_key_id;
}

bool signed_rightly(const CheckpointLine& line, const PublicKey& key) {
  if (line.new_key && !line.new_key->verify(line.message, line.new_signature)) return false;
  return key.verify(line.message, line.checkpoint.signature);
}

}  // namespace

std::optional<CheckpointLine> read_checkpoint(std::string_view text) {
  if (text.size() > kMaxCheckpointLine.count) return std::nullopt;
  auto parsed = parse_json(text, {.max_bytes = kMaxCheckpointLine.count, .max_depth = 4});
  if (!parsed || !parsed->is_object() || canonical_json(*parsed) != text) return std::nullopt;
  const json::object& object = parsed->get_object();
  CheckpointLine line;
  const auto at = parse_rfc3339(text_of(object, "at"));
  line.number = number_of(object, "number");
  line.prev_hash = text_of(object, "prev_hash");
  line.checkpoint.key_id = text_of(object, "key_id");
  line.checkpoint.signature = text_of(object, "sig");
  const bool whole = at && line.number > 0 && is_hash(line.prev_hash) && read_kind(object, line);
  if (!whole) return std::nullopt;
  line.checkpoint.at = *at;
  line.message = message_of(object);
  return line;
}

unsigned checkpoint_version(std::string_view line) {
  for (const std::string_view key :
       {R"("schema":"vigie.checkpoint/)", R"("schema":"vigie.checkpoint-key/)"}) {
    const size_t at = line.find(key);
    if (at == std::string_view::npos) continue;
    unsigned version = 0;
    std::from_chars(line.data() + at + key.size(), line.data() + line.size(), version);
    return version;
  }
  return 0;
}

bool is_beginning_of_checkpoint(std::string_view bytes) {
  const size_t common = std::min(bytes.size(), kBeginning.size());
  return bytes.size() <= kMaxCheckpointLine.count &&
         bytes.substr(0, common) == kBeginning.substr(0, common) &&
         std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
}

const PublicKey* CheckpointChain::key(std::string_view id) const {
  const auto found = std::ranges::find(keys_, id, &PublicKey::id);
  return found == keys_.end() ? nullptr : &*found;
}

// Whether it can be believed at all.
std::string_view CheckpointChain::forgery_in(const CheckpointLine& line) const {
  const std::string& id = line.checkpoint.key_id;
  const bool first = keys_.empty() && next_ == 1 && line.new_key && line.new_key_id == id;
  const PublicKey* const signer = first ? &*line.new_key : key(id);
  if (signer == nullptr) return "its key is not listed";
  const bool looks = signatures_ == Signatures::every || line.new_key || bad_ > 0;
  if (looks && !signed_rightly(line, *signer)) return "its signature does not fit";
  if (!first && *signer != keys_.back()) return "signed with a key that was replaced";
  return {};
}

// Of one that was signed. After damaged lines nobody knows what it should link to, and how many
// they were.
std::string_view CheckpointChain::misplacement_of(const CheckpointLine& line) const {
  if (line.number > next_number()) return "checkpoints are missing before it";
  if (bad_ == 0 && line.prev_hash != last_hash_) return "does not follow the one before it";
  if (!line.new_key && line.checkpoint.size <= newest_.size)
    return "its size is not beyond the one before";
  return {};
}

std::string_view CheckpointChain::judge(std::string_view text) {
  ++lines_;
  const std::string_view problem = problem_of(text);
  broken_ = broken_ || (signatures_ == Signatures::last && !problem.empty());
  return problem;
}

std::string_view CheckpointChain::problem_of(std::string_view text) {
  const auto line = read_checkpoint(text);
  std::string_view problem =
      checkpoint_version(text) > 1 ? "of a newer release" : "not a checkpoint";
  if (line) problem = forgery_in(*line);
  if (!problem.empty()) {
    ++bad_;
    return problem;
  }
  if (line->number < next_) return "out of order";
  problem = misplacement_of(*line);
  accept(*line, text);
  return problem;
}

bool CheckpointChain::holds() const {
  if (broken_) return false;
  if (!unproven_) return true;
  const PublicKey* const signer = key(unproven_->checkpoint.key_id);
  return signer != nullptr && signed_rightly(*unproven_, *signer);
}

void CheckpointChain::accept(const CheckpointLine& line, std::string_view text) {
  unproven_.reset();
  if (signatures_ == Signatures::last) unproven_ = line;
  next_ = line.number + 1;
  bad_ = 0;
  last_hash_ = sha256_hex(text);
  if (line.new_key) {
    keys_.push_back(*line.new_key);
  } else if (line.checkpoint.size > newest_.size) {
    newest_ = line.checkpoint;
    ++checkpoints_;
  }
}

std::string CheckpointChain::seal(json::object object, const SigningKey& key,
                                  const SigningKey* new_key) const {
  object["number"] = next_number();
  object["prev_hash"] = last_hash_;
  object["key_id"] = key.public_key().id();
  const std::string message = canonical_json(object);
  object["sig"] = key.sign(message);
  if (new_key != nullptr) object["new_sig"] = new_key->sign(message);
  return canonical_json(object) + "\n";
}

std::string CheckpointChain::next(uint64_t size, std::string_view head, SystemTime at,
                                  const SigningKey& key) const {
  return seal({{"schema", kCheckpoint}, {"at", format_rfc3339(at)}, {"size", size}, {"head", head}},
              key, nullptr);
}

std::string CheckpointChain::introduction(const SigningKey& new_key, SystemTime at,
                                          const SigningKey& key) const {
  return seal({{"schema", kIntroduction},
               {"at", format_rfc3339(at)},
               {"new_key", new_key.public_key().hex()},
               {"new_key_id", new_key.public_key().id()}},
              key, &new_key);
}

}  // namespace vigie::ledger
