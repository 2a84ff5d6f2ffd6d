// Comments as a test: they stand above what they describe, and no tool has wrapped them.
//
// A trailing comment makes clang-format break the statement before it, and is broken itself; so
// members have theirs above, and .clang-format wraps no comments (ReflowComments).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/style/sources.h"

namespace vectron::style {
namespace {

constexpr size_t kColumns = 100;

/// One line, taken apart.
struct Parts {
  explicit Parts(const std::string& line) {
    const std::string blank = without_literals(line);
    const size_t at = blank.find("//");
    column = at == std::string::npos ? line.size() : at;
    code = line.substr(0, column);
    code.erase(code.find_last_not_of(' ') + 1);
    if (at == std::string::npos) return;
    const size_t text = line.find_first_not_of("/<", at);
    mark = line.substr(at, text == std::string::npos ? text : text - at);
    if (text != std::string::npos) comment = line.substr(text);
  }
  bool has_comment() const { return !mark.empty(); }
  bool is_comment() const { return has_comment() && code.empty(); }
  bool is_trailing() const { return has_comment() && !code.empty(); }

  std::string code;
  /// Slashes, and what follows them.
  std::string mark;
  std::string comment;
  /// Of the comment.
  size_t column = 0;
};

/// Whether the code's next line has only what a trailing comment left no room for.
bool was_broken(const std::string& code, const Parts& next) {
  if (!next.is_trailing() || code.empty() || code.find('#') != std::string::npos) return false;
  const bool open = code.back() == '=' || code.back() == '(' || code.back() == '>';
  if (!open || code.find("template") != std::string::npos) return false;
  const size_t start = next.code.find_first_not_of(' ');
  return code.size() + 1 + next.code.size() - start <= kColumns;
}

/// Whether `second` is the rest of a line that was too long, in prose that goes on with `third`.
bool was_reflowed(const Parts& first, const Parts& second, const Parts& third) {
  const bool prose = first.is_comment() && second.is_comment() && third.is_comment() &&
                     first.mark == second.mark && second.mark == third.mark;
  if (!prose || second.comment.size() < 2 || third.comment.size() < 2) return false;
  const size_t end = first.column + first.mark.size() + first.comment.size();
  const bool is_list = third.comment.find_first_of("-*(") == 1;
  const bool is_table = first.comment.find("  ", 2) != std::string::npos;
  const bool has_end = std::string(".:;").find(second.comment.back()) != std::string::npos;
  const size_t word = third.comment.find(' ', third.comment.find_first_not_of(' '));
  const size_t room = second.column + second.mark.size() + second.comment.size() +
                      std::min(word, third.comment.size());
  return !is_list && !is_table && !has_end && end > 78 && room <= 92 &&
         second.comment.size() + 25 < first.comment.size();
}

/// Says what is wrong with the comment of lines[at]; empty: nothing.
std::string fault_of(const std::vector<std::string>& lines, size_t at) {
  const Parts line(lines[at]);
  if (!line.has_comment()) return {};
  const Parts before(at > 0 ? lines[at - 1] : "");
  const Parts after(at + 1 < lines.size() ? lines[at + 1] : "");
  const Parts later(at + 2 < lines.size() ? lines[at + 2] : "");
  if (line.mark == "///<") return "a comment stands above what it describes, after ///";
  if (was_broken(before.code, line)) return "its comment broke this statement: it stands above";
  if (line.is_trailing() && after.is_comment() && after.column == line.column) {
    return "a comment of more than a line stands above what it describes";
  }
  if (line.is_comment() && lines[at].size() > kColumns) return "longer than 100 columns";
  if (line.is_comment() && line.comment.ends_with(" //")) return "two lines of it run together";
  if (was_reflowed(line, after, later)) return "a line of this paragraph ends early: wrap it anew";
  return {};
}

std::vector<std::string> faults_of(const std::vector<std::string>& lines) {
  std::vector<std::string> faults;
  for (size_t at = 0; at < lines.size(); ++at) {
    const std::string fault = fault_of(lines, at);
    if (!fault.empty()) faults.push_back(std::to_string(at + 1) + ": " + fault);
  }
  return faults;
}

TEST(Comments, StandAboveAndAreWhole) {
  std::string findings;
  std::vector<SourceLine> file;
  const auto judge = [&] {
    std::vector<std::string> lines;
    for (const SourceLine& line : file) lines.push_back(line.text);
    for (size_t at = 0; at < lines.size(); ++at) {
      const std::string fault = fault_of(lines, at);
      if (!fault.empty()) findings += finding(file[at], fault);
    }
    file.clear();
  };
  for (const SourceLine& line :
       lines_under({"core", "net", "sim", "services", "schemas", "fuzz", "tests", "docs"})) {
    if (line.number == 1) judge();
    file.push_back(line);
  }
  judge();
  EXPECT_TRUE(findings.empty()) << findings;
}

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Comments, BehindAMemberAreFound) {
  EXPECT_THAT(faults_of({"  Term term;  ///< The sender's."}), ElementsAre(HasSubstr("above")));
  EXPECT_THAT(faults_of({"  /// The sender's.", "  Term term;"}), IsEmpty());
  EXPECT_THAT(faults_of({"  const char* mark = \"///< no comment\";"}), IsEmpty());
}

TEST(Comments, ThatBreakAStatementAreFound) {
  EXPECT_THAT(faults_of({"  uint32_t credential_slot =",
                         "      0;  // Which of the connection's credentials the call uses."}),
              ElementsAre(HasSubstr("2: its comment broke this statement")));
  EXPECT_THAT(faults_of({"  std::optional<FrameHeader>", "      held_back_;  // Delayed."}),
              ElementsAre(HasSubstr("broke")));
  EXPECT_THAT(faults_of({"  bool hint_followed_ = false;  // At most one hint a round, so that",
                         "                                // two nodes do not spin."}),
              ElementsAre(HasSubstr("1: a comment of more than a line")));
  EXPECT_THAT(
      faults_of({"  size_t bytes = 0;  // Short enough.", "  // The next one's.", "  int x;"}),
      IsEmpty());
}

TEST(Comments, ThatWereWrappedByAToolAreFound) {
  const std::string long_line = "// " + std::string(90, 'a') + " b";
  EXPECT_THAT(faults_of({long_line, "// when any header after them says",
                         "// that what they held had been synced"}),
              ElementsAre(HasSubstr("1: a line of this paragraph ends early")));
  EXPECT_THAT(faults_of({long_line, "// so that it ends.", "// Another sentence follows."}),
              IsEmpty());
  EXPECT_THAT(faults_of({"//     wal.write(ready.persist) -> raft.persisted(sequence) //"}),
              ElementsAre(HasSubstr("run together")));
  EXPECT_THAT(faults_of({"// " + std::string(98, 'a')}), ElementsAre(HasSubstr("columns")));
}

}  // namespace
}  // namespace vectron::style
