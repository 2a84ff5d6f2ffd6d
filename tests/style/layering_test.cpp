// The architecture as a test: which folder may include which, and what nobody may use outside its
// place.
//
// A finding names the file, the line, and what to use instead.
#include <gtest/gtest.h>

#include <regex>

#include "tests/style/sources.h"

namespace vectron::style {
namespace {

// Which project folders a folder's files may include. The longest matching key counts.
const std::map<std::string, std::vector<std::string>>& arrows() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"core/base/", {"core/base/"}},
      {"core/async/", {"core/base/", "core/async/"}},
      {"core/env/", {"core/base/", "core/async/", "core/env/"}},
      {"core/raft/", {"core/base/", "core/raft/"}},
      {"core/model/", {"core/base/", "core/model/"}},
      {"core/index/", {"core/base/", "core/index/"}},
      {"core/kv/", {"core/base/", "core/async/", "core/env/", "core/kv/"}},
      {"core/wal/", {"core/base/", "core/async/", "core/env/", "core/raft/", "core/wal/"}},
      {"core/rpc/", {"core/base/", "core/async/", "core/env/", "core/model/", "core/rpc/"}},
      {"core/rpc/calls/", {"core/base/", "core/env/", "core/rpc/calls/"}},
      {"core/http/", {"core/base/", "core/async/", "core/env/", "core/http/"}},
      {"core/replica/",
       {"core/base/", "core/async/", "core/env/", "core/raft/", "core/wal/", "core/kv/",
        "core/rpc/", "core/model/", "core/replica/", "schemas/"}},
      {"net/", {"core/base/", "core/async/", "core/env/", "net/"}},
      // The roster, which knows all of them.
      {"services/", {"core/", "schemas/", "services/"}},
      {"services/node/", {"core/", "schemas/", "services/node/"}},
      // No service sees another: they speak over RPC.
      {"services/placement/", {"core/", "schemas/", "services/node/", "services/placement/"}},
      // Pure.
      {"services/placement/planner/", {"core/base/", "services/placement/planner/"}},
      {"services/worker/", {"core/", "schemas/", "services/node/", "services/worker/"}},
      {"services/gateway/", {"core/", "schemas/", "services/node/", "services/gateway/"}},
      {"services/client/", {"core/", "schemas/", "services/client/"}},
      {"services/daemon/", {"core/", "schemas/", "services/", "net/"}},
      {"sim/", {"core/", "schemas/", "services/", "sim/"}},
      {"schemas/", {"core/", "schemas/"}},
  };
  return table;
}

const std::vector<std::string> kProjectFolders = {"core/", "net/", "sim/", "services/", "schemas/"};

TEST(Layering, IncludesFollowTheArrows) {
  std::string findings;
  for (const SourceLine& line : lines_under({"core", "net", "sim", "services", "schemas"})) {
    const auto path = included_path(line.text);
    if (!path || !starts_with_any(*path, kProjectFolders)) continue;
    const std::vector<std::string>* allowed = nullptr;
    size_t best = 0;
    for (const auto& [folder, targets] : arrows()) {
      if (line.file.starts_with(folder) && folder.size() >= best) {
        best = folder.size();
        allowed = &targets;
      }
    }
    ASSERT_NE(allowed, nullptr) << "no arrows are declared for " << line.file;
    if (!starts_with_any(*path, *allowed)) {
      findings += finding(line, "this folder may not include " + *path +
                                    "; pass what is needed through core/env or a constructor");
    }
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

// The arrows as docs/internals/README.md shows them: a line a folder, without itself.
std::string arrows_block() {
  const auto name = [](const std::string& folder) { return folder.substr(0, folder.size() - 1); };
  std::string block = "```text\n";
  for (const auto& [folder, targets] : arrows()) {
    std::string line = fmt::format("{:<18} ->", name(folder));
    for (const std::string& target : targets) {
      if (target != folder) line += " " + name(target);
    }
    block += line + "\n";
  }
  return block + "```\n";
}

TEST(Layering, ThePageShowsTheArrows) {
  const std::string page = text_of(fs::path(VECTRON_SOURCE_DIR) / "docs/internals/README.md");
  EXPECT_NE(page.find(arrows_block()), std::string::npos)
      << "docs/internals/README.md does not show the arrows of this test. The block is:\n"
      << arrows_block();
}

// The folders that hold headers, by the names that the table of pages uses.
std::set<std::string> folders_with_headers() {
  std::set<std::string> folders;
  for (const SourceLine& line : lines_under({"core", "net", "sim", "services", "schemas"})) {
    if (line.file.ends_with(".h")) folders.insert(fs::path(line.file).parent_path());
  }
  return folders;
}

TEST(Docs, EveryFolderHasAPage) {
  const std::string page = text_of(fs::path(VECTRON_SOURCE_DIR) / "docs/internals/README.md");
  std::set<std::string> described;
  const std::regex row(R"(\n\| ([a-z_/, ]+) \| \[)");
  const std::regex word(R"([a-z_/]+)");
  for (std::sregex_iterator it(page.begin(), page.end(), row), end; it != end; ++it) {
    const std::string cell = (*it)[1];
    for (std::sregex_iterator at(cell.begin(), cell.end(), word); at != end; ++at) {
      described.insert(at->str());
    }
  }
  for (const std::string& folder : folders_with_headers()) {
    EXPECT_TRUE(described.contains(folder))
        << folder << " has no row in the table of docs/internals/README.md";
  }
}

struct Ban {
  std::string pattern;
  /// Where the ban holds.
  std::vector<std::string> folders;
  /// Path prefixes where it does not.
  std::vector<std::string> except;
  std::string instead;
};

const std::vector<Ban>& bans() {
  static const std::vector<std::string> kPure = {"core", "services", "sim"};
  static const std::vector<Ban> table = {
      {R"(\b(steady_clock|system_clock|high_resolution_clock)\b)",
       {"core", "services", "sim", "schemas"},
       {"services/daemon/", "sim/explore/"},
       "use Env::clock()"},
      {R"(#\s*include\s*<(random|thread|mutex|shared_mutex|condition_variable|future)>)",
       kPure,
       {"core/index/", "services/daemon/", "sim/explore/"},
       "use core/base/random.h, core/async or Env::cpu()"},
      {R"(\b(thread_local|random_device|mt19937|std::shuffle|getenv)\b)",
       kPure,
       {"services/daemon/", "sim/explore/"},
       "use core/base/random.h; globals are not allowed"},
      {R"(#\s*include\s*[<"]boost/(asio|beast))",
       {"core", "services", "sim", "schemas"},
       {"core/http/", "services/daemon/"},
       "Asio belongs to net/"},
      {R"(#\s*include\s*[<"]lmdb\.h)",
       {"core", "net", "services", "sim", "schemas"},
       {"core/kv/", "sim/world/"},
       "LMDB belongs to core/kv"},
      {R"(#\s*include\s*[<"](hnswlib/|hwy/))",
       {"core", "net", "services", "sim", "schemas"},
       {"core/index/"},
       "hnswlib and Highway belong to core/index"},
      {R"(#\s*include\s*[<"]simdjson)",
       {"core", "net", "services", "sim", "schemas"},
       {"services/gateway/http_json_"},
       "read JSON through services/gateway/http_json.h"},
      {R"(#\s*include\s*[<"]flatbuffers/)",
       {"core", "net", "services", "sim"},
       {"services/daemon/demo_payload.cpp", "services/gateway/http_json_"},
       "include the generated messages of schemas/"},
      {R"([(,&|?!]\s*co_await\b)",
       {"core", "net", "services", "sim"},
       {},
       "await in a statement of its own, then use the result"},
      {R"(\[[^\]]+\]\s*\([^)]*\)\s*(mutable\s*)?->\s*Task<)",
       {"core", "net", "services", "sim"},
       {},
       "a capturing lambda is no coroutine: write a function with parameters"},
      {R"(^\s*rc::check\()",
       {"tests"},
       {},
       "nobody hears of a property that fails: EXPECT_TRUE(rc::check(...)), or RC_GTEST_PROP"},
  };
  return table;
}

TEST(Layering, BannedThingsStayInTheirPlaces) {
  std::string findings;
  for (const Ban& ban : bans()) {
    const std::regex pattern(ban.pattern);
    for (const SourceLine& line : lines_under(ban.folders)) {
      if (starts_with_any(line.file, ban.except)) continue;
      const bool is_include = included_path(line.text).has_value();
      if (std::regex_search(is_include ? line.text : code_of(line.text), pattern)) {
        findings += finding(line, ban.instead);
      }
    }
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

TEST(Layering, ConfigurationsAreCheckedByNeed) {
  const std::regex begins(R"(::validate\([^)]*\) const \{$)");
  const std::regex refuses(R"(\bfail\()");
  std::string findings;
  bool inside = false;
  for (const SourceLine& line : lines_under({"core", "net", "sim", "services", "schemas"})) {
    if (line.number == 1 || line.text == "}") inside = false;
    if (inside && std::regex_search(code_of(line.text), refuses)) {
      findings += finding(line, "say what must be so, by need() of core/base/need.h");
    }
    inside = inside || std::regex_search(line.text, begins);
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

TEST(Layering, HeadersStayFreeOfHeavyThirdParties) {
  const std::regex heavy(
      R"(#\s*include\s*[<"](boost/|hnswlib/|hwy/|lmdb|simdjson|rapidcheck|flatbuffers/|.*_generated\.h|spdlog/))");
  // Templates that the generated codec sources alone include.
  const std::set<std::string> codec_only = {"schemas/message_reader.h", "schemas/message_writer.h"};
  std::string findings;
  for (const SourceLine& line : lines_under({"core", "net", "sim", "services", "schemas"})) {
    if (!line.file.ends_with(".h") || codec_only.contains(line.file)) continue;
    if (std::regex_search(line.text, heavy)) {
      findings += finding(line, "include it in the one .cpp that owns it");
    }
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

TEST(Layering, EveryHeaderSaysPragmaOnceAndOpensWithAComment) {
  std::string findings;
  std::map<std::string, std::string> texts;
  for (const SourceLine& line : lines_under({"core", "net", "sim", "services", "schemas"})) {
    if (line.file.ends_with(".h")) texts[line.file] += line.text + "\n";
  }
  for (const auto& [file, text] : texts) {
    if (!text.starts_with("//")) findings += file + ":1: says nothing about what it is\n";
    if (text.find("#pragma once") == std::string::npos)
      findings += file + ":1: lacks #pragma once\n";
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

TEST(Layering, RootHoldsOnlyWhatItShould) {
  const std::set<std::string> expected = {"core",
                                          "net",
                                          "sim",
                                          "services",
                                          "schemas",
                                          "fuzz",
                                          "tests",
                                          "docs",
                                          "CMakeLists.txt",
                                          "README.md",
                                          "dev",
                                          "build",
                                          "CMakePresets.json",
                                          "LICENSE"};
  std::string findings;
  for (const auto& entry : fs::directory_iterator(VECTRON_SOURCE_DIR)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(".") && !expected.contains(name)) findings += name + "\n";
  }
  EXPECT_TRUE(findings.empty()) << "does not belong at the root:\n" << findings;
}

TEST(Docs, RelativeLinksLeadSomewhere) {
  const fs::path root = VECTRON_SOURCE_DIR;
  std::vector<fs::path> pages = {root / "README.md"};
  if (fs::exists(root / "docs")) {
    for (const auto& entry : fs::recursive_directory_iterator(root / "docs")) {
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    }
  }
  std::sort(pages.begin(), pages.end());
  const std::regex link(R"(\]\(([^)#\s]+)(#[^)]*)?\))");
  std::string findings;
  for (const fs::path& page : pages) {
    if (!fs::exists(page)) continue;
    const std::string text = text_of(page);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      if (!fs::exists(page.parent_path() / target)) {
        findings += fs::relative(page, root).string() + ": dead link " + target + "\n";
      }
    }
  }
  EXPECT_TRUE(findings.empty()) << findings;
}

}  // namespace
}  // namespace vectron::style
