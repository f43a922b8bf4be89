// JSON documents against the schemas of docs/formats/: collected, then judged all at once by
// Debian's python3-jsonschema.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/temp_folder.h"

namespace vigie::testing {

class Documents {
 public:
  // `schema`: a file of docs/formats/, or component().
  void expect(std::string_view schema, std::string_view document) {
    ASSERT_FALSE(document.empty()) << schema;
    lines_.append(schema).append("\t").append(document).append("\n");
  }
  static std::string component(std::string_view name) {
    return "openapi.yaml#/components/schemas/" + std::string(name);
  }
  // What is wrong; empty when nothing is.
  std::string mistakes() const {
    const TempFolder folder;
    const auto input = (folder / "documents").string();
    std::ofstream(input, std::ios::binary) << lines_;
    const std::string command = "/usr/bin/python3 -W ignore " VIGIE_SOURCE_DIR
                                "/tests/support/validate_documents.py < " +
                                input + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    char buffer[4096];
    while (const size_t size = std::fread(buffer, 1, sizeof(buffer), pipe))
      output.append(buffer, size);
    const int status = ::pclose(pipe);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? output : output + "(exit not 0)";
  }

 private:
  std::string lines_;
};

}  // namespace vigie::testing
