#include "ledger/ledger.h"

#include "ledger/writer.h"

namespace vigie::ledger {

Ledger::Ledger(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(platform::FileSystem& files,
                                             const platform::Path& folder,
                                             const platform::Clock& clock, LedgerOptions options) {
  const bool there = files.info(folder).has_value();
  if (!there && !options.read_only) TRY(files.create_folder(folder, 0700));
  const Mark mark = read_mark(files, folder);  // first: who only reads does not stop a writer
  TRY_ASSIGN(Survey found, there || !options.read_only ? survey(files, folder, Rows::yes, mark)
                                                       : Result<Survey>(empty_survey()));
  auto writer = std::make_unique<Writer>(files, folder, clock, options, std::move(found), mark);
  writer->settle();
  return std::unique_ptr<Ledger>(new Ledger(std::move(writer)));
}

Result<Recorded> Ledger::append(const Entry& entry) {
  const bool of_a_run = log_of_run_ && !entry.trigger.run_id.str().empty();
  return writer_->append(entry, of_a_run ? log_of_run_(entry.trigger.run_id) : std::nullopt);
}

Result<Recorded> Ledger::acknowledge_damage(const Trigger& trigger, std::string reason,
                                            std::string reference) {
  Entry entry;
  entry.trigger = trigger;
  entry.reason = std::move(reason);
  entry.reference = std::move(reference);
  return writer_->acknowledge_damage(std::move(entry));
}

Result<VerifyReport> Ledger::verify(const Trigger& trigger, std::stop_token stop,
                                    const std::optional<Error>& also) {
  return writer_->verify(trigger, stop, also);
}

Result<> Ledger::compare_end(const Mark& known, std::stop_token stop) {
  return writer_->compare_end(known, stop);
}

Result<> Ledger::for_each(const Filter& filter, const Visit& visit, std::stop_token stop) const {
  return writer_->index().for_each(filter, visit, stop);
}

Result<Page> Ledger::page(const Filter& filter, std::stop_token stop) const {
  return writer_->index().page(filter, stop);
}

LedgerViewPtr Ledger::view() const {
  return writer_->view();
}

Result<> Ledger::maintain() {
  return writer_->maintain();
}

}  // namespace vigie::ledger
