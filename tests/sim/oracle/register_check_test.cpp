#include "sim/oracle/register_check.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>

#include "core/base/random.h"

namespace vectron::sim {
namespace {

using Kind = RegisterOperation::Kind;
using Verdict = RegisterVerdict::Kind;

RegisterOperation write(uint64_t value, uint64_t from, uint64_t to) {
  return {.kind = Kind::write, .value = value, .invoked = from, .returned = to};
}
RegisterOperation unknown_write(uint64_t value, uint64_t from) {
  return {.kind = Kind::write, .value = value, .invoked = from, .certain = false};
}
RegisterOperation read(uint64_t value, uint64_t from, uint64_t to) {
  return {.kind = Kind::read, .value = value, .invoked = from, .returned = to};
}
RegisterOperation remove(bool existed, uint64_t from, uint64_t to) {
  return {.kind = Kind::remove, .existed = existed, .invoked = from, .returned = to};
}

Verdict check(const std::vector<RegisterOperation>& operations) {
  return check_register(operations).kind;
}

TEST(RegisterCheck, AcceptsASequentialHistory) {
  EXPECT_EQ(check({}), Verdict::linearizable);
  EXPECT_EQ(check({read(0, 1, 2), write(7, 3, 4), read(7, 5, 6), remove(true, 7, 8), read(0, 9, 10),
                   remove(false, 11, 12)}),
            Verdict::linearizable);
}

TEST(RegisterCheck, RefusesAStaleRead) {
  auto operations = std::vector{write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)};
  operations[2].source = 42;
  const RegisterVerdict verdict = check_register(operations);
  EXPECT_EQ(verdict.kind, Verdict::violation);
  EXPECT_EQ(verdict.culprit, 42u);
}

TEST(RegisterCheck, RefusesAReadOfALostWrite) {
  EXPECT_EQ(check({write(1, 1, 2), read(0, 3, 4)}), Verdict::violation);
}

TEST(RegisterCheck, AcceptsEitherOrderOfConcurrentWrites) {
  EXPECT_EQ(check({write(1, 1, 4), write(2, 2, 5), read(1, 6, 7)}), Verdict::linearizable);
  EXPECT_EQ(check({write(1, 1, 4), write(2, 2, 5), read(2, 6, 7)}), Verdict::linearizable);
  EXPECT_EQ(check({write(1, 1, 4), write(2, 2, 5), read(2, 6, 7), read(1, 8, 9)}),
            Verdict::violation);
}

TEST(RegisterCheck, RefusesReadsThatGoBackDuringAWrite) {
  EXPECT_EQ(check({write(1, 1, 2), write(2, 3, 10), read(2, 4, 5), read(1, 6, 7)}),
            Verdict::violation);
}

TEST(RegisterCheck, LetsAnUnknownWriteHappenLateOrNever) {
  EXPECT_EQ(check({unknown_write(5, 1), read(0, 2, 3), read(0, 4, 5)}), Verdict::linearizable);
  EXPECT_EQ(check({unknown_write(5, 1), read(0, 2, 3), write(6, 4, 5), read(5, 6, 7)}),
            Verdict::linearizable);
  EXPECT_EQ(check({unknown_write(5, 1), read(5, 2, 3), write(6, 4, 5), read(5, 6, 7)}),
            Verdict::violation);
  EXPECT_EQ(check({read(5, 1, 2), unknown_write(5, 3)}), Verdict::violation);
}

TEST(RegisterCheck, UsesWhatARemoveSaysOfThePointBefore) {
  EXPECT_EQ(check({remove(true, 1, 2)}), Verdict::violation);
  EXPECT_EQ(check({write(1, 1, 2), remove(false, 3, 4)}), Verdict::violation);
  EXPECT_EQ(check({unknown_write(1, 1), remove(true, 2, 3), read(0, 4, 5)}), Verdict::linearizable);
  EXPECT_EQ(check({write(1, 1, 2), remove(true, 3, 6), remove(true, 4, 5)}), Verdict::violation);
}

/// Tries every subset of the uncertain operations in every order that real time allows.
bool brute_force(const std::vector<RegisterOperation>& operations, std::vector<bool>& used,
                 uint64_t value) {
  bool complete = true;
  for (size_t i = 0; i < operations.size(); ++i) complete &= used[i] || !operations[i].certain;
  if (complete) return true;
  for (size_t i = 0; i < operations.size(); ++i) {
    if (used[i]) continue;
    const RegisterOperation& next = operations[i];
    bool first = true;
    for (size_t j = 0; j < operations.size(); ++j) {
      first &= used[j] || j == i || !operations[j].certain || operations[j].returned > next.invoked;
    }
    if (!first) continue;
    if (next.kind == Kind::read && next.value != value) continue;
    if (next.kind == Kind::remove && next.existed.has_value() && *next.existed != (value != 0)) {
      continue;
    }
    used[i] = true;
    const uint64_t after = next.kind == Kind::write  ? next.value
                           : next.kind == Kind::read ? value
                                                     : 0;
    if (brute_force(operations, used, after)) return true;
    used[i] = false;
  }
  return false;
}

/// A random history; most are nearly right, so that both verdicts are common.
std::vector<RegisterOperation> random_history(RandomStream random, size_t size) {
  std::vector<uint64_t> times;
  for (uint64_t i = 1; i <= 2 * size; ++i) times.push_back(i);
  for (size_t i = times.size() - 1; i > 0; --i) {
    const size_t near = i - std::min<size_t>(i, random.below(6));
    std::swap(times[i], times[near]);
  }
  std::vector<RegisterOperation> operations;
  for (size_t i = 0; i < size; ++i) {
    RegisterOperation operation;
    operation.invoked = std::min(times[2 * i], times[2 * i + 1]);
    operation.returned = std::max(times[2 * i], times[2 * i + 1]);
    operation.kind = static_cast<Kind>(random.below(3));
    operation.value = operation.kind == Kind::write ? i + 1 : random.below(size + 1);
    if (operation.kind == Kind::remove) operation.existed = random.chance_ppm(500'000);
    if (operation.kind != Kind::read && random.chance_ppm(200'000)) {
      operation.certain = false;
      operation.returned = RegisterOperation::kNeverReturned;
      operation.existed.reset();
    }
    operations.push_back(operation);
  }
  return operations;
}

RC_GTEST_PROP(RegisterCheck, AgreesWithTryingEveryOrder, (uint64_t seed)) {
  RandomStream random(seed, "history");
  for (int i = 0; i < 50; ++i) {
    const size_t size = random.between(1, 7);
    const auto operations = random_history(RandomStream(random.next()), size);
    std::vector<bool> used(operations.size());
    const bool expected = brute_force(operations, used, 0);
    RC_ASSERT(check(operations) == (expected ? Verdict::linearizable : Verdict::violation));
  }
}

/// A linearizable history of `clients` clients on one register: each operation takes effect
/// somewhere inside.
std::vector<RegisterOperation> honest_history(uint64_t seed, size_t size, size_t clients) {
  RandomStream random(seed, "honest");
  struct Running {
    RegisterOperation operation;
    bool effective = false;
  };
  std::vector<RegisterOperation> done;
  std::vector<std::optional<Running>> running(clients);
  uint64_t value = 0;
  uint64_t order = 0;
  uint64_t next_value = 0;
  while (done.size() < size) {
    auto& slot = running[random.below(clients)];
    if (!slot.has_value()) {
      slot.emplace();
      slot->operation.kind = static_cast<Kind>(random.below(3));
      slot->operation.value = slot->operation.kind == Kind::write ? ++next_value : 0;
      slot->operation.invoked = ++order;
    } else if (!slot->effective) {
      slot->effective = true;
      RegisterOperation& operation = slot->operation;
      if (operation.kind == Kind::read) operation.value = value;
      if (operation.kind == Kind::remove) operation.existed = value != 0;
      if (operation.kind == Kind::write) value = operation.value;
      if (operation.kind == Kind::remove) value = 0;
    } else {
      RegisterOperation operation = slot->operation;
      operation.returned = ++order;
      if (operation.kind != Kind::read && random.chance_ppm(20'000)) {
        operation.certain = false;
        operation.returned = RegisterOperation::kNeverReturned;
        operation.existed.reset();
      }
      operation.source = done.size();
      done.push_back(operation);
      slot.reset();
    }
  }
  for (const auto& slot : running) {
    if (!slot.has_value() || slot->operation.kind == Kind::read) continue;
    done.push_back(slot->operation);
    done.back().certain = false;
    done.back().existed.reset();
  }
  return done;
}

TEST(RegisterCheck, AcceptsLongHonestHistoriesWithUnknownOutcomes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(check(honest_history(seed, 500, 6)), Verdict::linearizable) << seed;
  }
}

TEST(RegisterCheck, FindsOneWrongReadInALongHistory) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto operations = honest_history(seed, 400, 4);
    for (size_t i = operations.size() - 1; i > 0; --i) {
      if (operations[i].kind != Kind::read) continue;
      operations[i].value = 1;  // The very first value, long overwritten.
      break;
    }
    found += check(operations) == Verdict::violation ? 1 : 0;
  }
  EXPECT_GE(found, 19);
}

TEST(RegisterCheck, ChecksAHundredThousandOperationsQuickly) {
  std::vector<std::vector<RegisterOperation>> histories;
  for (uint64_t seed = 1; seed <= 100; ++seed) histories.push_back(honest_history(seed, 1'000, 8));
  uint64_t states = 0;
  for (auto& history : histories) {
    const RegisterVerdict verdict = check_register(history);
    EXPECT_EQ(verdict.kind, Verdict::linearizable);
    states += verdict.states_visited;
  }
  RecordProperty("states", static_cast<int>(states));
  EXPECT_LT(states, 6'000'000u);
}

}  // namespace
}  // namespace vectron::sim
