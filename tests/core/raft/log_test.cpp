#include "core/raft/log.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace vectron::raft {
namespace {

Entry entry(uint64_t index, uint64_t term, size_t size = 0) {
  return {.term = Term(term), .index = LogIndex(index), .data = make_payload(Bytes(size, 'x'))};
}

std::vector<Entry> entries(uint64_t first, const std::vector<uint64_t>& terms) {
  std::vector<Entry> made;
  made.reserve(terms.size());
  for (uint64_t term : terms) made.push_back(entry(first + made.size(), term));
  return made;
}

Log log_of(const std::vector<uint64_t>& terms) {
  return Log({}, entries(1, terms));
}

std::vector<uint64_t> terms_of(const Log& log) {
  std::vector<uint64_t> terms;
  for (LogIndex index = log.first_index(); index <= log.last_index(); ++index)
    terms.push_back(log.at(index).term.value());
  return terms;
}

TEST(RaftLog, IsEmptyAtFirst) {
  const Log log({}, {});
  EXPECT_EQ(log.first_index(), LogIndex(1));
  EXPECT_EQ(log.last_index(), LogIndex(0));
  EXPECT_EQ(log.last_term(), Term(0));
  EXPECT_EQ(log.term_at(LogIndex(0)), Term(0));
  EXPECT_EQ(log.term_at(LogIndex(1)), std::nullopt);
  EXPECT_EQ(log.bytes(), 0u);
}

TEST(RaftLog, KeepsTheTermOfItsSnapshot) {
  const Log log({.index = LogIndex(7), .term = Term(3)}, entries(8, {3, 4}));
  EXPECT_EQ(log.term_at(LogIndex(6)), std::nullopt);
  EXPECT_EQ(log.term_at(LogIndex(7)), Term(3));
  EXPECT_EQ(log.term_at(LogIndex(9)), Term(4));
  EXPECT_TRUE(log.matches(LogIndex(7), Term(3)));
  EXPECT_FALSE(log.matches(LogIndex(7), Term(4)));
}

TEST(RaftLog, TruncatesConflictingSuffixOnMerge) {
  Log log = log_of({1, 1, 2, 2});
  EXPECT_EQ(log.merge(entries(3, {3, 3, 3})), LogIndex(3));
  EXPECT_EQ(terms_of(log), (std::vector<uint64_t>{1, 1, 3, 3, 3}));
}

TEST(RaftLog, KeepsNewerEntriesOnALateMerge) {
  Log log = log_of({1, 1, 2, 2});
  EXPECT_EQ(log.merge(entries(2, {1, 2})), LogIndex(0));
  EXPECT_EQ(terms_of(log), (std::vector<uint64_t>{1, 1, 2, 2}));
}

TEST(RaftLog, AppendsWhatIsNewOnAnOverlappingMerge) {
  Log log = log_of({1, 1});
  EXPECT_EQ(log.merge(entries(2, {1, 2, 2})), LogIndex(3));
  EXPECT_EQ(terms_of(log), (std::vector<uint64_t>{1, 1, 2, 2}));
}

TEST(RaftLog, ComparesCompletenessByTermThenIndex) {
  const Log log = log_of({1, 2, 2});
  EXPECT_TRUE(log.is_behind_or_equal(Term(3), LogIndex(1)));
  EXPECT_TRUE(log.is_behind_or_equal(Term(2), LogIndex(3)));
  EXPECT_TRUE(log.is_behind_or_equal(Term(2), LogIndex(4)));
  EXPECT_FALSE(log.is_behind_or_equal(Term(2), LogIndex(2)));
  EXPECT_FALSE(log.is_behind_or_equal(Term(1), LogIndex(9)));
}

TEST(RaftLog, SlicesAtLeastOneEntryWithinItsBytes) {
  Log log({}, {});
  for (uint64_t i = 1; i <= 5; ++i) log.append(entry(i, 1, 100));
  const size_t cost = kEntryOverheadBytes + 100;
  EXPECT_EQ(log.slice({LogIndex(2), LogIndex(5), 1}).size(), 1u);
  EXPECT_EQ(log.slice({LogIndex(2), LogIndex(5), 3 * cost - 1}).size(), 2u);
  EXPECT_EQ(log.slice({LogIndex(2), LogIndex(5), 3 * cost}).size(), 3u);
  EXPECT_EQ(log.slice({LogIndex(2), LogIndex(3)}).size(), 2u);
}

TEST(RaftLog, SharesPayloadsInsteadOfCopyingThem) {
  Log log({}, {});
  const Payload payload = make_payload(Bytes(1 << 20, 'x'));
  log.append({.term = Term(1), .index = LogIndex(1), .data = payload});
  EXPECT_EQ(log.slice({LogIndex(1), LogIndex(1)}).front().data.get(), payload.get());
}

TEST(RaftLog, CountsBytesThroughCompactionAndTruncation) {
  Log log({}, {});
  for (uint64_t i = 1; i <= 6; ++i) log.append(entry(i, 1, 10 * i));
  log.compact(LogIndex(2));
  log.truncate(LogIndex(6));
  EXPECT_EQ(log.bytes(), 3 * kEntryOverheadBytes + 30 + 40 + 50);
  EXPECT_EQ(log.bytes_between(LogIndex(3), LogIndex(4)), kEntryOverheadBytes + 40);
  EXPECT_EQ(log.bytes_between(LogIndex(0), LogIndex(3)), kEntryOverheadBytes + 30);
  EXPECT_EQ(log.bytes_between(LogIndex(4), LogIndex(4)), 0u);
  log.append(entry(6, 2, 7));
  EXPECT_EQ(log.bytes_between(LogIndex(5), LogIndex(6)), kEntryOverheadBytes + 7);
}

TEST(RaftLog, CompactsToItsVeryEnd) {
  Log log = log_of({1, 2, 3});
  log.compact(LogIndex(3));
  EXPECT_EQ(log.last_index(), LogIndex(3));
  EXPECT_EQ(log.last_term(), Term(3));
  log.append(entry(4, 3));
  EXPECT_EQ(log.at(LogIndex(4)).term, Term(3));
}

TEST(RaftLog, BeginsAfterARestoredSnapshot) {
  Log log = log_of({1, 2, 3});
  log.restore({.index = LogIndex(10), .term = Term(5)});
  EXPECT_EQ(log.first_index(), LogIndex(11));
  EXPECT_EQ(log.last_term(), Term(5));
  EXPECT_EQ(log.bytes(), 0u);
}

TEST(RaftLogDeathTest, RefusesAGap) {
  Log log = log_of({1, 1});
  EXPECT_DEATH(log.append(entry(4, 1)), "4 after 2");
}

/// Terms that never fall, as in any log.
std::vector<uint64_t> arbitrary_terms() {
  auto terms = *rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(1, 8));
  std::ranges::sort(terms);
  return terms;
}

// The twin walks back entry by entry.
RC_GTEST_PROP(RaftLog, FindsTheConflictThatAWalkFinds, ()) {
  const std::vector<uint64_t> terms = arbitrary_terms();
  Log log = log_of(terms);
  const auto compacted = *rc::gen::inRange<uint64_t>(0, terms.size() + 1);
  if (compacted > 0) log.compact(LogIndex(compacted));
  const auto index = *rc::gen::inRange<uint64_t>(compacted, terms.size() + 3);
  const auto term = *rc::gen::inRange<uint64_t>(0, 9);
  uint64_t expected = std::min<uint64_t>(index, terms.size());
  while (expected > compacted && terms[expected - 1] > term) --expected;
  RC_ASSERT(log.find_conflict_by_term(LogIndex(index), Term(term)) == LogIndex(expected));
}

/// The dumb twin of Log: a vector of (term, size) from index 1, nothing is ever forgotten.
struct NaiveLog {
  std::vector<std::pair<uint64_t, size_t>> slots;
  uint64_t compacted = 0;

  void merge(uint64_t first, const std::vector<Entry>& incoming) {
    for (size_t i = 0; i < incoming.size(); ++i) {
      const size_t at = first - 1 + i;
      if (at < slots.size() && slots[at].first == incoming[i].term.value()) continue;
      slots.resize(at);
      slots.push_back({incoming[i].term.value(), view(incoming[i].data).size()});
    }
  }
  size_t bytes_between(uint64_t after, uint64_t through) const {
    size_t sum = 0;
    for (uint64_t index = std::max(after, compacted) + 1; index <= through; ++index)
      sum += kEntryOverheadBytes + slots[index - 1].second;
    return sum;
  }
};

RC_GTEST_PROP(RaftLog, BehavesLikeAVectorUnderAnyOperations, ()) {
  Log log({}, {});
  NaiveLog naive;
  uint64_t term = 1;
  const auto operations = *rc::gen::inRange(1, 40);
  for (int i = 0; i < operations; ++i) {
    const uint64_t last = naive.slots.size();
    if (*rc::gen::inRange(0, 5) == 0 && last > naive.compacted) {
      naive.compacted = *rc::gen::inRange<uint64_t>(naive.compacted + 1, last + 1);
      log.compact(LogIndex(naive.compacted));
    } else {
      // A leader of a new term overwrites some suffix, or repeats entries that are there.
      term += *rc::gen::inRange<uint64_t>(0, 2);
      const auto first = *rc::gen::inRange<uint64_t>(naive.compacted + 1, last + 2);
      const auto count = *rc::gen::inRange<uint64_t>(1, 5);
      const bool repeats = *rc::gen::arbitrary<bool>();
      std::vector<Entry> incoming;
      for (uint64_t index = first; index < first + count; ++index) {
        const bool copy = repeats && index <= last && incoming.size() == index - first;
        incoming.push_back(
            copy ? entry(index, naive.slots[index - 1].first, naive.slots[index - 1].second)
                 : entry(index, term, index % 7));
      }
      naive.merge(first, incoming);
      log.merge(incoming);
    }
    RC_ASSERT(log.last_index() == LogIndex(naive.slots.size()));
    RC_ASSERT(log.first_index() == LogIndex(naive.compacted + 1));
    for (uint64_t index = naive.compacted + 1; index <= naive.slots.size(); ++index)
      RC_ASSERT(log.term_at(LogIndex(index)) == Term(naive.slots[index - 1].first));
    const auto after = *rc::gen::inRange<uint64_t>(0, naive.slots.size() + 1);
    const auto through = *rc::gen::inRange<uint64_t>(after, naive.slots.size() + 1);
    RC_ASSERT(log.bytes_between(LogIndex(after), LogIndex(through)) ==
              naive.bytes_between(after, through));
  }
}

RC_GTEST_PROP(RaftLog, SlicesAsMuchAsFits, ()) {
  Log log({}, {});
  const auto count = *rc::gen::inRange<uint64_t>(1, 20);
  for (uint64_t i = 1; i <= count; ++i) log.append(entry(i, 1, *rc::gen::inRange<size_t>(0, 50)));
  const auto from = *rc::gen::inRange<uint64_t>(1, count + 1);
  const auto through = *rc::gen::inRange<uint64_t>(from, count + 1);
  const auto bytes_max = *rc::gen::inRange<size_t>(0, 1500);
  const auto slice = log.slice({LogIndex(from), LogIndex(through), bytes_max});
  size_t bytes = 0;
  size_t expected = 0;
  for (uint64_t index = from; index <= through; ++index, ++expected) {
    bytes += log.at(LogIndex(index)).cost_bytes();
    if (bytes > bytes_max && expected > 0) break;
  }
  RC_ASSERT(slice.size() == expected);
  RC_ASSERT(slice.front().index == LogIndex(from));
}

}  // namespace
}  // namespace vectron::raft
