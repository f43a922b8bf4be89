// Measures what an upload costs, without a backup around it.
//
//   s3_upload ENDPOINT BUCKET KEY CREDENTIALS_FILE FILE
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "store/s3/object_writer.h"

namespace {

using namespace vigie;  // NOLINT: a program of one file

void must(const Result<>& result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().detail(Audience::operators));
  std::exit(1);
}

Result<> upload(store::s3::Client client, const std::string& key, const std::string& path) {
  TRY_ASSIGN(const auto file, platform::real_file_system().open_read(path));
  store::s3::ObjectWriter out(std::move(client), key, [](const store::s3::Object&) {});
  std::vector<unsigned char> piece(size_t{1} << 20);
  for (uint64_t at = 0;;) {
    TRY_ASSIGN(const size_t got, file->read_at(at, piece));
    if (got == 0) return out.close();
    TRY(out.append(ByteSpan(piece).first(got)));
    at += got;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  store::S3Options options;
  options.endpoint = argv[1];
  options.bucket = argv[2];
  options.credentials_file = argv[4];
  const platform::RealClock clock;
  const auto exchange =
      std::make_shared<store::s3::Exchange>("bench", options, platform::make_http_client(8), clock);
  must(upload({exchange, {MonoTime::max(), {}}}, argv[3], argv[5]));
  return 0;
}
