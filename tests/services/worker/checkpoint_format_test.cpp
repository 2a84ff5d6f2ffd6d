#include "services/worker/checkpoint_format.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <sstream>

#include "core/base/random.h"

namespace vectron {
namespace {

ShardOptions small_options() {
  ShardOptions options;
  options.shard = ShardId(3);
  options.dimension = 4;
  options.distance = Distance::euclidean;
  options.index = {.m = 4, .ef_construction = 16, .ef_search = 16};
  return options;
}

CheckpointIdentity identity() {
  return {GroupId(3), ReplicaId(7), 2, index_options(small_options())};
}

std::vector<float> vector_of(uint64_t seed) {
  RandomStream random(seed, "vector");
  std::vector<float> vector(4);
  for (float& element : vector) element = random.unit_float();
  return vector;
}

PointId id_of(uint64_t number) {
  if (number % 3 == 0) return *PointId::from_text(fmt::format("point-{}", number));
  return PointId(number);
}

/// Points 0 to count - 1, of which every fifth is removed again; half are linked.
std::shared_ptr<ShardContent> content_of(uint64_t count) {
  auto content = std::make_shared<ShardContent>(small_options());
  for (uint64_t i = 0; i < count; ++i) content->put(id_of(i), 100 + i, vector_of(i));
  content->index.index_some(static_cast<uint32_t>(count / 2));
  for (uint64_t i = 0; i < count; i += 5) {
    content->index.remove(content->slots.at(id_of(i)));
    content->slots.erase(id_of(i));
  }
  return content;
}

Bytes checkpoint_of(const ShardContent& content) {
  const index::Cut cut = content.index.cut();
  CheckpointHeader header{identity(), LogIndex(1'000), cut.slots};
  Bytes file = encode_checkpoint_header(header);
  CheckpointBlocks blocks(file);
  const auto add = [&](CheckpointBlockKind kind, uint32_t count, const Bytes& payload) {
    const Bytes block = blocks.block(kind, count, payload);
    file.insert(file.end(), block.begin(), block.end());
  };
  for (index::Slot begin = 0; begin < cut.slots;) {
    Bytes payload;
    const auto end =
        append_checkpoint_rows(content, cut, begin, std::min(begin + 7, cut.slots), &payload);
    add(CheckpointBlockKind::rows, end - begin, payload);
    begin = end;
  }
  const index::Slot graph_end = content.index.graph_end();
  for (index::Slot begin = 0; begin < graph_end;) {
    Bytes payload;
    const auto end = append_checkpoint_links(content.index, cut.slots, begin,
                                             std::min(begin + 9, graph_end), &payload);
    add(CheckpointBlockKind::links, end - begin, payload);
    begin = end;
  }
  const Bytes end = blocks.end_block(graph_end, content.coverage(cut));
  file.insert(file.end(), end.begin(), end.end());
  return file;
}

Result<CheckpointContent> decode_file(ByteView file, CheckpointIdentity expected = identity()) {
  CheckpointDecoder decoder(std::move(expected), small_options());
  while (!decoder.done()) {
    if (decoder.bytes_wanted() > file.size()) return fail(Code::data_loss, "cut short");
    const size_t wanted = decoder.bytes_wanted();
    VECTRON_CHECK_OK(decoder.take(file.first(wanted)));
    file = file.subspan(wanted);
  }
  return decoder.finish();
}

TEST(CheckpointFormat, BringsBackRowsAndLinks) {
  const auto content = content_of(60);
  auto read = decode_file(checkpoint_of(*content));
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(read->applied_index, LogIndex(1'000));
  ASSERT_EQ(read->content->rows.size(), 60u);
  EXPECT_EQ(read->restore->graph_end(), 30u);
  for (index::Slot slot = 0; slot < 60; ++slot) {
    const bool live = content->index.live(slot, content->index.cut());
    ASSERT_EQ(read->live[slot], live);
    if (!live) continue;
    EXPECT_EQ(read->content->rows[slot].id, content->rows[slot].id);
    EXPECT_EQ(read->content->rows[slot].version, content->rows[slot].version);
    EXPECT_EQ(read->content->slots.at(content->rows[slot].id), slot);
    read->restore->take_vector(slot, content->index.vector(slot));
  }
  while (!read->restore->repair_some({.slots_max = 5})) {
  }
  const index::Cut cut = read->content->index.cut();
  EXPECT_EQ(read->content->coverage(cut), content->coverage(content->index.cut()));
  const auto query = vector_of(77);
  EXPECT_EQ(read->content->index.search(cut, query, {.k = 48, .exact = true}),
            content->index.search(content->index.cut(), query, {.k = 48, .exact = true}));
}

TEST(CheckpointFormat, HoldsAnEmptyShard) {
  const ShardContent content(small_options());
  const auto read = decode_file(checkpoint_of(content));
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_TRUE(read->content->rows.empty());
}

TEST(CheckpointFormat, RefusesWhatIsNotItsOwn) {
  const Bytes file = checkpoint_of(*content_of(10));
  const auto code = [&](auto change) {
    CheckpointIdentity expected = identity();
    change(expected);
    return decode_file(file, expected).error().code();
  };
  EXPECT_EQ(code([](auto& id) { id.group = GroupId(4); }), Code::failed_precondition);
  EXPECT_EQ(code([](auto& id) { id.replica = ReplicaId(8); }), Code::failed_precondition);
  EXPECT_EQ(code([](auto& id) { id.generation = 3; }), Code::failed_precondition);
  EXPECT_EQ(code([](auto& id) { id.options.m = 5; }), Code::failed_precondition);
}

TEST(CheckpointFormat, RefusesANewerFormatByName) {
  Bytes file = checkpoint_of(*content_of(10));
  file[8] = kCheckpointVersion + 1;
  const auto read = decode_file(file);
  EXPECT_EQ(read.error().code(), Code::failed_precondition);
  EXPECT_NE(read.error().message().find("version 3"), std::string::npos);
}

TEST(CheckpointFormat, RefusesABlockOfAnotherFile) {
  const Bytes file = checkpoint_of(*content_of(10));
  Bytes other = checkpoint_of(*content_of(10));
  // The same content at another applied index: the header differs and the blocks do not.
  CheckpointHeader header{identity(), LogIndex(1'001), 10};
  const Bytes head = encode_checkpoint_header(header);
  std::ranges::copy(head, other.begin());
  EXPECT_TRUE(decode_file(file).has_value());
  EXPECT_EQ(decode_file(other).error().code(), Code::data_loss);
}

TEST(CheckpointFormat, NoticesEveryChangedByteAndEveryCut) {
  const Bytes file = checkpoint_of(*content_of(40));
  EXPECT_TRUE(rc::check("damage is refused", [&](uint64_t seed) {
    RandomStream random(seed, "damage");
    Bytes damaged = file;
    damaged[random.below(file.size())] ^= static_cast<uint8_t>(1 + random.below(255));
    RC_ASSERT(!decode_file(damaged).has_value());
    const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(random.below(file.size())));
    RC_ASSERT(!decode_file(cut).has_value());
  }));
}

std::string golden_file(std::string_view name) {
  std::ifstream in(fmt::format("{}/testdata/{}", VECTRON_TEST_DIR, name));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Version 1: each copy of a vector was a node of its own, and mending changes nothing about that.
TEST(CheckpointFormat, RefusesAGraphInWhichCopiesAreNodes) {
  std::istringstream golden(golden_file("graph_checkpoint_v1.hex"));
  Bytes file;
  for (std::string byte; golden >> byte;) {
    file.push_back(static_cast<uint8_t>(std::stoul(byte, nullptr, 16)));
  }
  const auto read = decode_file(file);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::failed_precondition);
  EXPECT_NE(read.error().message().find("version 1"), std::string::npos);
}

// The bytes of version 2.
TEST(CheckpointFormat, IsWrittenByteForByteAsItAlwaysWas) {
  const Bytes content = checkpoint_of(*content_of(12));
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    text += fmt::format("{}{:02x}", i == 0 ? "" : (i % 24 == 0 ? "\n" : " "), content[i]);
  }
  text += "\n";
  constexpr std::string_view kName = "graph_checkpoint_v2.hex";
  if (std::getenv("VECTRON_REWRITE") != nullptr) {
    std::ofstream(fmt::format("{}/testdata/{}", VECTRON_TEST_DIR, kName)) << text;
  }
  EXPECT_EQ(text, golden_file(kName));
}

TEST(ShardContent, KnowsNoVersionAboveItsBoundBelowASlot) {
  ShardContent content(small_options());
  uint64_t number = 0;
  const auto put = [&](uint64_t version) {
    content.put(id_of(number), version, vector_of(number));
    ++number;
  };
  EXPECT_EQ(content.version_below(0), 0u);
  for (const uint64_t version : {7, 3, 5}) put(version);  // A load gives them in the order of ids.
  EXPECT_EQ(content.version_below(0), 0u);
  EXPECT_EQ(content.version_below(1), 7u);
  EXPECT_EQ(content.version_below(3), 7u);
  for (const uint64_t version : {8, 8, 12}) put(version);
  EXPECT_EQ(content.version_below(2), 7u);
  EXPECT_EQ(content.version_below(4), 8u);
  EXPECT_EQ(content.version_below(5), 8u);
  EXPECT_EQ(content.version_below(6), 12u);
}

}  // namespace
}  // namespace vectron
