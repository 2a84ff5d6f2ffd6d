// Decision records as a test: one layout, and a list that names each of them.
//
// The layout, and what its parts are for, stand in docs/decisions/README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/style/sources.h"

namespace vectron::style {
namespace {

/// Says what is wrong with a record of the name `file`; empty: nothing.
std::string fault_of(const std::string& file, const std::string& text) {
  const std::regex title("^# " + file.substr(0, 4) + " [^\n]+\n\n");
  if (!std::regex_search(text, title)) return "begins with \"# NNNN Title\" and an empty line";
  const std::regex dated(
      R"(^#[^\n]+\n\n\*\*Date\.\*\* \d{4}-\d\d-\d\d\. \*\*Status\.\*\* (In force|Replaced by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\))\.\n\n)");
  if (!std::regex_search(text, dated)) {
    return "its third line is \"**Date.** YYYY-MM-DD. **Status.** In force.\" (or \"Replaced by "
           "[NNNN](NNNN-name.md).\")";
  }
  size_t last = 0;
  for (const std::string part : {"**Context.**", "**Decision.**", "**Alternatives.**",
                                 "**Consequences.**", "**Wrong if**"}) {
    const size_t at = text.find("\n\n" + part);
    if (at == std::string::npos) return "has no paragraph that begins with " + part;
    if (at < last) return part + " stands too early";
    last = at;
  }
  if (text.find("\n\n**", last + 2) != std::string::npos) return "**Wrong if** is its last part";
  return {};
}

std::vector<fs::path> records() {
  std::vector<fs::path> out;
  for (const auto& entry :
       fs::directory_iterator(fs::path(VECTRON_SOURCE_DIR) / "docs/decisions")) {
    if (entry.path().filename() != "README.md") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Decisions, HaveOneLayout) {
  for (const fs::path& file : records()) {
    const std::string fault = fault_of(file.filename(), text_of(file));
    EXPECT_EQ(fault, "") << "docs/decisions/" << file.filename().string();
  }
}

TEST(Decisions, AreListedInOrderByTheirTitles) {
  std::string list;
  for (const fs::path& file : records()) {
    const std::string text = text_of(file);
    const std::string title = text.substr(2, text.find('\n') - 2);
    list += "- [" + title + "](" + file.filename().string() + ")\n";
  }
  const std::string page = text_of(fs::path(VECTRON_SOURCE_DIR) / "docs/decisions/README.md");
  EXPECT_NE(page.find("\n\n" + list), std::string::npos)
      << "docs/decisions/README.md does not have this list:\n"
      << list;
}

const std::string kRecord =
    "# 0001 A title\n\n**Date.** 2026-11-22. **Status.** In force.\n\n**Context.** Seen.\n\n"
    "**Decision.** So.\n\n**Alternatives.** Other.\n\n**Consequences.** This.\n\n"
    "**Wrong if** not.\n";

std::string changed(const std::string& what, const std::string& by) {
  std::string text = kRecord;
  return text.replace(text.find(what), what.size(), by);
}

TEST(Decisions, OfAnotherLayoutAreFound) {
  const std::string name = "0001-a-title.md";
  EXPECT_EQ(fault_of(name, kRecord), "");
  EXPECT_EQ(fault_of(name, changed("In force", "Replaced by [0002](0002-b.md)")), "");
  EXPECT_EQ(fault_of(name, changed("**Context", "**Measured.** 3.\n\n**Context")), "");
  EXPECT_NE(fault_of("0002-a-title.md", kRecord), "");
  EXPECT_NE(fault_of(name, changed("2026-11-22", "today")), "");
  EXPECT_NE(fault_of(name, changed("In force", "Fine")), "");
  EXPECT_NE(fault_of(name, changed("Consequences", "Results")), "");
  EXPECT_NE(fault_of(name, changed("**Decision.** So.\n\n", "")), "");
  EXPECT_NE(fault_of(name, kRecord + "\n**Measured.** 3.\n"), "");
}

}  // namespace
}  // namespace vectron::style
