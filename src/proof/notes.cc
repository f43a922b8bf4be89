#include "proof/notes.h"

namespace vigie::proof {
namespace {

constexpr Bytes kMostNote = 4_KiB;

}  // namespace

std::string text_of(const json::object& object, std::string_view key) {
  const json::string* const found = find_string(object, key);
  return found == nullptr ? std::string() : std::string(*found);
}

Result<> ProofNotes::write(const std::string& proof, json::object note) const {
  TRY(files_.create_folder(folder_, 0700));
  TRY(files_.sync_folder(folder_.parent_path()));
  note["schema"] = schema_;
  note["proof"] = proof;
  return platform::write_file_replace(files_, path(proof), json_text(note) + "\n");
}

Result<> ProofNotes::remove(const std::string& proof) const {
  const auto removed = files_.remove_file(path(proof));
  if (!removed && removed.error().code() == ErrorCode::file_not_found) return {};
  TRY(removed);
  return files_.sync_folder(folder_);
}

Result<std::vector<std::string>> ProofNotes::proofs() const {
  std::vector<std::string> names;
  const auto entries = files_.list(folder_);
  if (!entries && entries.error().code() == ErrorCode::file_not_found) return names;
  if (!entries) return fail(entries.error());
  for (const platform::Entry& entry : *entries)
    if (entry.name.ends_with(ending_))
      names.push_back(entry.name.substr(0, entry.name.size() - ending_.size()));
  return names;
}

Result<json::object> ProofNotes::read(const std::string& proof) const {
  TRY_ASSIGN(const std::string text, platform::read_file(files_, path(proof), kMostNote));
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return fail(damaged(proof));
  const json::object& note = value->get_object();
  if (text_of(note, "schema") != schema_ || text_of(note, "proof") != proof)
    return fail(damaged(proof));
  return note;
}

Error ProofNotes::damaged(const std::string& proof) const {
  return Error(ErrorCode::file_corrupt,
               {{"path", path(proof).string()}, {"reason", "it is no note of a proof"}});
}

}  // namespace vigie::proof
