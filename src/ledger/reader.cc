#include "ledger/reader.h"

#include "ledger/index.h"
#include "ledger/survey.h"

namespace vigie::ledger {

Reader::Reader(std::unique_ptr<Index> index) : index_(std::move(index)) {}
Reader::~Reader() = default;

Result<std::unique_ptr<Reader>> Reader::open(platform::FileSystem& files,
                                             const platform::Path& folder, std::stop_token stop) {
  TRY_ASSIGN(auto found, survey(files, folder, Rows::yes, std::move(stop)));
  auto view = std::make_shared<LedgerView>(view_of(found));
  std::unique_ptr<Reader> reader(new Reader(std::make_unique<Index>(files, folder, found)));
  reader->view_ = std::move(view);
  return reader;
}

Result<> Reader::for_each(const Filter& filter, const Visit& visit, std::stop_token stop) const {
  return index_->for_each(filter, visit, stop);
}

Result<Page> Reader::page(const Filter& filter, std::stop_token stop) const {
  return index_->page(filter, stop);
}

}  // namespace vigie::ledger
