// What a database will grow to, guessed from a manifest.
#include "proof/fill_watch.h"

#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

using artefact::Codec;
using artefact::FileKind;
using artefact::Manifest;
using artefact::TableEntry;

// Two tables of one and three parts of the rows, a large object of four.
class ExpectedGrowth : public ::testing::Test {
 protected:
  ExpectedGrowth() {
    add_file("dump/toc.dat.zst", FileKind::toc, 5_MiB);
    add_file("dump/1.dat.zst", FileKind::data, 100_MiB);
    add_file("dump/2.dat.zst", FileKind::data, 300_MiB);
    add_file("dump/blob_3.dat.zst", FileKind::blob, 400_MiB);
    manifest_.tables = {{1, "public", "small", "dump/1.dat.zst", {}},
                        {2, "public", "large", "dump/2.dat.zst", {}}};
  }
  void add_file(const char* name, FileKind kind, Bytes raw) {
    manifest_.files.push_back({name, kind, Codec::zstd, raw});
  }
  std::vector<const TableEntry*> all() const {
    return {&manifest_.tables[0], &manifest_.tables[1]};
  }

  Manifest manifest_;
};

TEST_F(ExpectedGrowth, IsWhatTheSourceTookBesideAnEmptyDatabase) {
  manifest_.server.database_size = 1608_MiB;
  EXPECT_EQ(expected_growth(manifest_, all(), 8_MiB), 1600_MiB);
}

TEST_F(ExpectedGrowth, OfSomeTablesIsTheirShareOfTheRows) {
  manifest_.server.database_size = 1608_MiB;
  EXPECT_EQ(expected_growth(manifest_, {&manifest_.tables[0]}, 8_MiB), 200_MiB);
}

// Also what a source says that took no more than an empty database here.
TEST_F(ExpectedGrowth, IsThatOfTheDumpWhereTheSourceSaysNothing) {
  EXPECT_EQ(expected_growth(manifest_, all(), 8_MiB), 800_MiB);
  manifest_.server.database_size = 7_MiB;
  EXPECT_EQ(expected_growth(manifest_, {&manifest_.tables[1]}, 8_MiB), 300_MiB);
}

TEST_F(ExpectedGrowth, OfABackupWithoutRowsIsNothingOrWhatTheSourceTook) {
  Manifest empty;
  EXPECT_EQ(expected_growth(empty, {}, 8_MiB), Bytes{});
  empty.server.database_size = 9_MiB;
  EXPECT_EQ(expected_growth(empty, {}, 8_MiB), 1_MiB);
}

}  // namespace
}  // namespace vigie::proof
