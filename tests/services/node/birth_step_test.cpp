#include "services/node/birth_step.h"

#include <gtest/gtest.h>

#include <array>

namespace vectron {
namespace {

using wire::GroupPresence;
using Others = std::vector<std::optional<GroupPresence>>;

constexpr GroupPresence kAbsent = GroupPresence::absent;
constexpr GroupPresence kBorn = GroupPresence::born;
constexpr GroupPresence kTookPart = GroupPresence::took_part;

TEST(BirthStep, BearsOnlyWhenAllAnswerAndNobodyTookPart) {
  EXPECT_EQ(next_birth_step(kAbsent, Others{kAbsent, kBorn}), BirthStep::bear);
  EXPECT_EQ(next_birth_step(kAbsent, Others{}), BirthStep::bear);
  EXPECT_EQ(next_birth_step(kAbsent, Others{kAbsent, std::nullopt}), BirthStep::wait);
  EXPECT_EQ(next_birth_step(kAbsent, Others{std::nullopt, kTookPart}), BirthStep::refuse);
}

TEST(BirthStep, StartsOnlyWhenEveryMemberIsBornOrSomebodyKnewThat) {
  EXPECT_EQ(next_birth_step(kBorn, Others{kBorn, kAbsent}), BirthStep::wait);
  EXPECT_EQ(next_birth_step(kBorn, Others{kBorn, std::nullopt}), BirthStep::wait);
  EXPECT_EQ(next_birth_step(kBorn, Others{kBorn, kBorn}), BirthStep::start);
  EXPECT_EQ(next_birth_step(kBorn, Others{std::nullopt, kTookPart}), BirthStep::start);
  EXPECT_EQ(next_birth_step(kTookPart, Others{std::nullopt, kAbsent}), BirthStep::start);
}

// All runs of three members that step one at a time, with lost answers and one disk that is lost at
// any moment: whoever lost it after somebody took part is never born again.
class Group {
 public:
  // Member `i` asks; answers of the members in `silent` are lost.
  void step(size_t i, uint32_t silent) {
    Others others;
    for (size_t j = 0; j < 3; ++j) {
      if (j == i) continue;
      others.push_back((silent >> j & 1) != 0 ? std::nullopt : std::optional(members_[j]));
    }
    switch (next_birth_step(members_[i], others)) {
      case BirthStep::bear:
        members_[i] = kBorn;
        ASSERT_FALSE(lost_late_ && i == *lost_) << "born again";
        break;
      case BirthStep::start:
        members_[i] = kTookPart;
        break;
      case BirthStep::wait:
      case BirthStep::refuse:
        break;
    }
  }
  // A member that took part alone has reached nobody: its votes need not be remembered.
  void lose(size_t i) {
    lost_ = i;
    members_[i] = kAbsent;
    lost_late_ = std::ranges::find(members_, kTookPart) != members_.end();
  }
  bool lost_any() const { return lost_.has_value(); }
  auto key() const { return std::tuple(members_, lost_, lost_late_); }
  bool all_take_part() const {
    return std::ranges::all_of(members_, [](GroupPresence one) { return one == kTookPart; });
  }

 private:
  std::array<GroupPresence, 3> members_{};
  std::optional<size_t> lost_;
  bool lost_late_ = false;  // Somebody else had taken part by then.
};

TEST(BirthStep, NoOrderOfEventsMakesALostMemberAgain) {
  std::vector<Group> todo(1);
  std::set<decltype(todo[0].key())> seen;
  bool some_complete = false;
  while (!todo.empty()) {
    const Group group = todo.back();
    todo.pop_back();
    if (!seen.insert(group.key()).second) continue;
    some_complete |= group.all_take_part();
    for (size_t i = 0; i < 3; ++i) {
      for (uint32_t silent = 0; silent < 8; ++silent) {
        Group next = group;
        next.step(i, silent);
        if (HasFatalFailure()) return;
        todo.push_back(next);
      }
      if (group.lost_any()) continue;
      Group next = group;
      next.lose(i);
      todo.push_back(next);
    }
  }
  EXPECT_TRUE(some_complete);
  EXPECT_GT(seen.size(), 30U);
}

}  // namespace
}  // namespace vectron
