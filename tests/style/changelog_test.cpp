// The changelog as a test: it is cut into versions, and the one on top is the one that is built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/style/sources.h"

namespace vectron::style {
namespace {

const fs::path kRoot = VECTRON_SOURCE_DIR;

struct Version {
  std::array<int, 3> number{};
  std::string date;
};

/// The sections of the changelog, from the top.
std::vector<Version> versions() {
  const std::string text = text_of(kRoot / "docs/changelog.md");
  const std::regex section(R"(\n## (\d+)\.(\d+)\.(\d+), ([^\n]*))");
  std::vector<Version> out;
  for (std::sregex_iterator it(text.begin(), text.end(), section), end; it != end; ++it) {
    const std::smatch& match = *it;
    out.push_back({{std::stoi(match[1]), std::stoi(match[2]), std::stoi(match[3])}, match[4]});
  }
  return out;
}

TEST(Changelog, BeginsWithTheVersionThatIsBuilt) {
  const std::string cmake = text_of(kRoot / "CMakeLists.txt");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(cmake, match, std::regex(R"(VERSION (\d+)\.(\d+)\.(\d+) LANG)")));
  const std::array built = {std::stoi(match[1]), std::stoi(match[2]), std::stoi(match[3])};
  ASSERT_FALSE(versions().empty());
  EXPECT_EQ(versions().front().number, built)
      << "docs/changelog.md begins with a section of the version that CMakeLists.txt names";
}

TEST(Changelog, HasVersionsInOrderWithTheirDates) {
  const std::vector<Version> all = versions();
  const std::regex day(R"(\d{4}-\d\d-\d\d)");
  for (size_t at = 0; at < all.size(); ++at) {
    const bool open = at == 0 && all[at].date == "in the making";
    EXPECT_TRUE(open || std::regex_match(all[at].date, day)) << all[at].date;
    if (at > 0) EXPECT_LT(all[at].number, all[at - 1].number);
  }
  const std::string text = text_of(kRoot / "docs/changelog.md");
  const std::regex section(R"(\n## )");
  const auto sections = std::distance(std::sregex_iterator(text.begin(), text.end(), section),
                                      std::sregex_iterator());
  EXPECT_EQ(static_cast<size_t>(sections), all.size()) << "a section is \"## X.Y.Z, YYYY-MM-DD\"";
}

}  // namespace
}  // namespace vectron::style
