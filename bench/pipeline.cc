// Measures the dump pipeline without the run around it: pg_dump, seal, publish, verify.
//
//   pipeline "host=… dbname=…" FOLDER [jobs] [level] [bindir]
//
// FOLDER gets the staging and the store, and is emptied. One line of figures a stage.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string_view>

#include "artefact/verify.h"
#include "backup/dump.h"
#include "store/local/local_store.h"

namespace {

using namespace vigie;  // NOLINT: a program of one file

double seconds_of(rusage usage) {
  const auto of = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

rusage own_usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

class Stage {
 public:
  explicit Stage(std::string_view name) : name_(name) {}
  ~Stage() {
    const auto wall = std::chrono::duration<double>(MonoTime::clock::now() - since_).count();
    const rusage usage = own_usage();
    fmt::print("{:8} {:7.3f} s  {:7.3f} s of CPU in this process, at most {} KiB resident\n", name_,
               wall, seconds_of(usage) - cpu_, usage.ru_maxrss);
  }

 private:
  std::string_view name_;
  MonoTime since_ = MonoTime::clock::now();
  double cpu_ = seconds_of(own_usage());
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().detail(Audience::operators));
    std::exit(1);
  }
  return std::move(*result);
}

void must(Result<> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().detail(Audience::operators));
    std::exit(1);
  }
}

backup::DumpRequest request_of(int argc, char** argv) {
  backup::DumpRequest request;
  request.dsn = {"bench", argv[1], ""};
  request.clients = {argc > 5 ? argv[5] : "/usr/lib/postgresql/15/bin"};
  request.application_name = "vigie-bench";
  request.jobs = argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 2;
  request.compression_level = argc > 4 ? std::atoi(argv[4]) : 1;
  request.row_settings = {"UTF8", "C"};
  request.fingerprint_key = artefact::new_fingerprint_key();
  request.staging = platform::Path(argv[2]) / "staging";
  return request;
}

void show(const backup::DumpResult& result, const artefact::Manifest& manifest) {
  const backup::DumpMeasures& m = result.measures;
  fmt::print("raw {} stored {} files {} | pg_dump {:.3f} s, seal {:.3f} s, globals {:.3f} s\n",
             format_bytes(manifest.raw()), format_bytes(manifest.stored()), manifest.files.size(),
             to_seconds(m.dump), to_seconds(m.seal), to_seconds(m.globals));
  fmt::print("staging at most {}, held back {} times, {}\n", format_bytes(m.peak_staging),
             m.held_back, m.punches ? "holes punched" : "no holes");
}

int run(int argc, char** argv) {
  const auto request = request_of(argc, argv);
  auto& files = platform::real_file_system();
  must(platform::remove_tree(files, argv[2]));
  must(files.create_folder(request.staging));
  const auto store = store::make_local_store(files, "bench", platform::Path(argv[2]) / "store");
  const BackupId id = must(BackupId::parse("bench.bench-20261120T000000Z"));
  const auto runner = platform::make_process_runner();
  const platform::RealClock clock;
  artefact::Manifest manifest;
  manifest.id = id;
  const auto writer = must(store->begin(id));
  {
    const Stage stage("dump");
    const auto result =
        must(backup::take_dump(request, {*runner, clock, {}}, *writer, {MonoTime::max(), {}}));
    manifest.files = result.files;
    manifest.tables = result.tables;
    manifest.fingerprint_key = request.fingerprint_key;
    show(result, manifest);
  }
  {
    const Stage stage("publish");
    const artefact::Cover cover = make_cover(manifest);
    must(store::write_file(*writer, artefact::kCardName, cover.card));
    must(store::write_file(*writer, artefact::kSumsName, cover.sums));
    must(writer->publish(cover.manifest));
  }
  const Stage stage("verify");
  artefact::VerifyRequest verify;
  verify.id = id;
  verify.workers = request.jobs;
  const auto source = must(store->open(id));
  const auto report = must(artefact::verify(*source, clock, verify));
  return report.result == Verdict::passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "__supervise") {
    return platform::supervise_main();
  }
  if (argc < 3) {
    fmt::print(stderr, "usage: pipeline DSN FOLDER [jobs] [level] [bindir]\n");
    return 2;
  }
  return run(argc, argv);
}
