#include "cli/restore_origin.h"

#include <fmt/format.h>

#include <algorithm>

#include "artefact/manifest.h"
#include "store/make_store.h"

namespace vigie::cli {
namespace {

using platform::Path;

constexpr std::string_view kScheme = "s3://";

tl::unexpected<Error> usage(std::string reason) {
  return fail(ErrorCode::usage, {{"reason", std::move(reason)}});
}

std::shared_ptr<store::Store> store_of(Context& context, store::StoreOptions options) {
  options.name = "here";
  return store::make_store(options, *context.hooks().files, *context.hooks().clock)
      ->within({MonoTime::max(), context.hooks().stop});
}

// Artefacts lie in <root>/<job>/<id>/. An artefact's own folder will do, and a job's.
Origin folder(Context& context, Path path) {
  platform::FileSystem& files = *context.hooks().files;
  path = std::filesystem::absolute(path).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  std::optional<BackupId> own;
  if (files.info(path / artefact::kManifestName)) {
    if (const auto id = BackupId::parse(path.filename().string())) own = *id;
  }
  const auto entries = files.list(path);
  const bool of_a_job = entries && std::ranges::any_of(*entries, [](const platform::Entry& entry) {
                          return BackupId::parse(entry.name).has_value();
                        });
  store::StoreOptions options;
  options.path = own ? path.parent_path().parent_path() : of_a_job ? path.parent_path() : path;
  return {store_of(context, options), options.path, own, of_a_job ? path.filename().string() : ""};
}

// "bucket/prefix"; with "/<job>/<id>" behind it, it is one artefact's.
Result<std::optional<BackupId>> read_address(std::string_view address, store::S3Options& s3) {
  while (address.ends_with('/')) address.remove_suffix(1);
  s3.bucket = address.substr(0, address.find('/'));
  if (address.size() > s3.bucket.size()) s3.prefix = address.substr(s3.bucket.size() + 1);
  const bool right =
      store::is_bucket_name(s3.bucket) && (s3.prefix.empty() || store::is_key_prefix(s3.prefix));
  if (!right) return usage("--from takes s3://BUCKET or s3://BUCKET/PREFIX.");
  const Path path = s3.prefix;
  const auto id = BackupId::parse(path.filename().string());
  if (!id || path.parent_path().filename() != id->job) return std::optional<BackupId>();
  s3.prefix = path.parent_path().parent_path().string();
  return std::optional(*id);
}

Result<Origin> bucket(Context& context, std::string_view address) {
  const Arguments& words = context.arguments();
  store::StoreOptions options;
  options.type = store::StoreType::s3;
  store::S3Options& s3 = options.s3;
  TRY_ASSIGN(const auto id, read_address(address, s3));
  const auto endpoint = store::s3_endpoint(words.option("--s3-endpoint").value_or(""));
  if (!endpoint)
    return usage("A bucket takes --s3-endpoint, an address such as https://s3.example.org.");
  s3.endpoint = *endpoint;
  const auto credentials = words.option("--s3-credentials");
  if (!credentials) return usage("A bucket takes --s3-credentials FILE: its key and the secret.");
  s3.credentials_file = std::filesystem::absolute(*credentials).string();
  if (const auto region = words.option("--s3-region")) s3.region = *region;
  if (const auto ca = words.option("--s3-ca")) s3.ca_file = std::filesystem::absolute(*ca).string();
  s3.path_style = !words.flag("--s3-virtual-host");
  if (store::is_in_the_clear(s3.endpoint))
    context.console().words("warning: what is read comes over http, in the clear");
  return Origin{store_of(context, options), fmt::format("{} at {}", address, s3.endpoint), id};
}

}  // namespace

std::vector<OptionSpec> bucket_options() {
  return {
      {"--s3-endpoint", "URL", "With a bucket: the server, such as https://s3.example.org"},
      {"--s3-credentials", "FILE",
       "With a bucket: the access key and its secret, on a line each; mode 0600"},
      {"--s3-region", "NAME", "With a bucket: the bucket's region (default us-east-1)"},
      {"--s3-ca", "FILE", "With a bucket: certificates that the server's is judged by"},
      {"--s3-virtual-host", "", "With a bucket: its name is part of the host, as AWS wants it"}};
}

Result<Origin> origin_of(Context& context) {
  const std::string from = context.arguments().option("--from").value_or("");
  if (from.starts_with(kScheme)) return bucket(context, from.substr(kScheme.size()));
  for (const char* option : {"--s3-endpoint", "--s3-credentials", "--s3-region", "--s3-ca"})
    if (context.arguments().option(option))
      return usage(fmt::format("{} goes with --from s3://BUCKET/PREFIX.", option));
  if (context.arguments().flag("--s3-virtual-host"))
    return usage("--s3-virtual-host goes with --from s3://BUCKET/PREFIX.");
  return folder(context, from);
}

}  // namespace vigie::cli
