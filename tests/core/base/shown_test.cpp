#include "core/base/shown.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(Shown, IsTheBeginningInWholeLetters) {
  EXPECT_EQ(shown("short"), "short");
  EXPECT_EQ(shown("abcdef", 3), "abc");
  EXPECT_EQ(shown("ab\u00e4c", 3), "ab");
  EXPECT_EQ(shown("ab\u00e4c", 4), "ab\u00e4");
  EXPECT_EQ(shown("a\U0001f600b", 4), "a");
  EXPECT_EQ(shown(std::string(1'000, 'x')).size(), kShownBytesMax);
  // What is no UTF-8 is cut somewhere.
  EXPECT_EQ(shown(std::string(100, '\x80'), 10).size(), 6u);
}

}  // namespace
}  // namespace vectron
