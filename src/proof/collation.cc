#include "proof/collation.h"

#include <fmt/format.h>

namespace vigie::proof {
namespace {

// Of the C library every collation has the same version; the locale need not be one of these.
constexpr std::string_view kLibcVersion = R"sql(
select v from (select pg_collation_actual_version(oid) as v from pg_collation where collprovider = 'c') c
where v is not null limit 1)sql";

}  // namespace

Result<> check_collation(platform::PgConnection& session, const artefact::Manifest& manifest,
                         const CallLimits& limits) {
  const artefact::Server& source = manifest.server;
  const bool libc = source.locale_provider.empty() || source.locale_provider == "libc";
  if (!libc || source.collation_version.empty()) return {};
  TRY_ASSIGN(const auto rows, session.query(kLibcVersion, limits));
  if (rows->rows() == 0 || rows->at(0, 0) == source.collation_version) return {};
  return fail(ErrorCode::restore_environment,
              {{"backup", manifest.id.str()},
               {"reason", fmt::format("the collations of the scratch server are of version {}, "
                                      "those of the backup of {}",
                                      rows->at(0, 0), source.collation_version)}});
}

}  // namespace vigie::proof
