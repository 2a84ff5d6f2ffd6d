#include <gmock/gmock.h>

#include "core/async/combine.h"
#include "tests/conformance/world.h"

namespace vectron::conformance {
namespace {

using testing::ElementsAre;

Bytes text(std::string_view what) {
  return to_bytes(as_bytes(what));
}

Bytes pattern(size_t size, uint64_t seed) {
  RandomStream random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

Task<Result<void>> put_file(Env* env, std::string path, Bytes bytes, bool durable) {
  auto file = co_await env->disk().open(path, OpenMode::create);
  VECTRON_CO_CHECK_OK(file);
  auto done = co_await (*file)->write_at(0, bytes);
  VECTRON_CO_CHECK_OK(done);
  if (durable) {
    done = co_await (*file)->sync();
    VECTRON_CO_CHECK_OK(done);
    done = co_await env->disk().sync_directory(folder_of(path));
  }
  co_return done;
}

Task<Result<Bytes>> get_file(Env* env, std::string path) {
  auto file = co_await env->disk().open(std::move(path), OpenMode::read);
  VECTRON_CO_CHECK_OK(file);
  const Result<uint64_t> size = (*file)->size();
  VECTRON_CO_CHECK_OK(size);
  Bytes bytes(*size + 1);  // One more than there is: a read at the end is short.
  const auto count = co_await (*file)->read_at(0, bytes);
  VECTRON_CO_CHECK_OK(count);
  bytes.resize(*count);
  co_return bytes;
}

/// Writes `path` (leaving what was there before its end) and makes it and its name durable.
void put(Conformance* test, const std::string& path, std::string_view bytes) {
  const Result<void> done = test->run(put_file(&test->env(), path, text(bytes), true));
  EXPECT_TRUE(done.has_value()) << path << ": " << status_of(done).to_string();
}

/// The contents of `path`, or the name of the error's code in brackets.
std::string get(Conformance* test, const std::string& path) {
  const Result<Bytes> bytes = test->run(get_file(&test->env(), path));
  if (bytes.has_value()) return std::string(as_text(*bytes));
  return "[" + std::string(code_name(bytes.error().code())) + "]";
}

Code open_code(Conformance* test, const std::string& path, OpenMode mode) {
  return status_of(test->run(test->env().disk().open(path, mode))).code();
}

std::unique_ptr<File> open(Conformance* test, const std::string& path) {
  auto file = test->run(test->env().disk().open(path, OpenMode::create));
  if (!file.has_value()) throw std::runtime_error(file.error().to_string());
  return *std::move(file);
}

Code code(const Result<void>& result) {
  return status_of(result).code();
}

TEST_P(DiskConformance, OpenModesDifferInWhatTheyCreate) {
  EXPECT_EQ(open_code(this, "a", OpenMode::read), Code::not_found);
  EXPECT_EQ(open_code(this, "a", OpenMode::read_write), Code::not_found);
  EXPECT_EQ(open_code(this, "a", OpenMode::create_new), Code::ok);
  EXPECT_EQ(open_code(this, "a", OpenMode::create_new), Code::already_exists);
  EXPECT_EQ(open_code(this, "a", OpenMode::create), Code::ok);
  EXPECT_EQ(open_code(this, "b", OpenMode::create), Code::ok);
  EXPECT_EQ(open_code(this, "b", OpenMode::read), Code::ok);
  EXPECT_EQ(open_code(this, "absent/a", OpenMode::create), Code::not_found);
}

TEST_P(DiskConformance, CreateKeepsWhatIsInTheFile) {
  put(this, "a", "before");
  put(this, "a", "B");
  EXPECT_EQ(get(this, "a"), "Before");
}

TEST_P(DiskConformance, ReadsAreShortOnlyAtTheEnd) {
  put(this, "a", "0123456789");
  const auto file = open(this, "a");
  Bytes into(4);
  EXPECT_EQ(run(file->read_at(2, into)).value(), 4u);
  EXPECT_EQ(as_text(into), "2345");
  EXPECT_EQ(run(file->read_at(8, into)).value(), 2u);
  EXPECT_EQ(as_text(into).substr(0, 2), "89");
  EXPECT_EQ(run(file->read_at(10, into)).value(), 0u);
  EXPECT_EQ(run(file->read_at(1'000'000, into)).value(), 0u);
}

TEST_P(DiskConformance, AWritePastTheEndLeavesZeros) {
  const auto file = open(this, "a");
  ASSERT_TRUE(run(file->write_at(3, text("x"))).has_value());
  EXPECT_EQ(file->size().value(), 4u);
  EXPECT_EQ(get(this, "a"), std::string("\0\0\0x", 4));
}

TEST_P(DiskConformance, LargeFilesKeepEveryByte) {
  const Bytes bytes = pattern((3 << 20) + 17, 1);
  const auto file = open(this, "large");
  ASSERT_TRUE(run(file->write_at(5, bytes)).has_value());
  Bytes back(bytes.size());
  EXPECT_EQ(run(file->read_at(5, back)).value(), back.size());
  EXPECT_EQ(hash64(back), hash64(bytes));
  Bytes part(100'000);
  EXPECT_EQ(run(file->read_at(5 + 1'234'567, part)).value(), part.size());
  EXPECT_TRUE(std::ranges::equal(part, std::span(bytes).subspan(1'234'567, part.size())));
}

TEST_P(DiskConformance, RandomWritesReadBackAsInAModel) {
  RandomStream random(42);
  const auto file = open(this, "model");
  Bytes model;
  for (int i = 0; i < 200; ++i) {
    const size_t offset = random.below(60'000);
    if (random.below(10) == 0) {
      model.resize(random.below(60'000));
      ASSERT_TRUE(run(file->truncate(model.size())).has_value());
    } else {
      const Bytes bytes = pattern(1 + random.below(9'000), random.next());
      model.resize(std::max(model.size(), offset + bytes.size()));
      std::ranges::copy(bytes, model.begin() + static_cast<ptrdiff_t>(offset));
      ASSERT_TRUE(run(file->write_at(offset, bytes)).has_value());
    }
    ASSERT_EQ(file->size().value(), model.size());
  }
  Bytes back(model.size());
  EXPECT_EQ(run(file->read_at(0, back)).value_or(0), model.size());
  EXPECT_EQ(back, model);
}

TEST_P(DiskConformance, WritesOfSeparateRangesMayBeInFlightTogether) {
  const auto file = open(this, "a");
  constexpr size_t kPieces = 20, kPieceBytes = 10'000;
  std::vector<Bytes> pieces;
  std::vector<Task<Result<void>>> writes;
  for (size_t i = 0; i < kPieces; ++i) pieces.push_back(pattern(kPieceBytes, i));
  for (size_t i = 0; i < kPieces; ++i) {
    writes.push_back(file->write_at(i * kPieceBytes, pieces[i]));
  }
  for (const Result<void>& written : run(when_all(std::move(writes)))) {
    EXPECT_TRUE(written.has_value());
  }
  for (size_t i = 0; i < kPieces; ++i) {
    Bytes back(kPieceBytes);
    EXPECT_EQ(run(file->read_at(i * kPieceBytes, back)).value(), kPieceBytes);
    EXPECT_EQ(back, pieces[i]) << i;
  }
}

TEST_P(DiskConformance, TruncateCutsAndGrows) {
  const auto file = open(this, "a");
  ASSERT_TRUE(run(file->write_at(0, text("abcdef"))).has_value());
  ASSERT_TRUE(run(file->truncate(3)).has_value());
  EXPECT_EQ(get(this, "a"), "abc");
  ASSERT_TRUE(run(file->truncate(5)).has_value());
  EXPECT_EQ(get(this, "a"), std::string("abc\0\0", 5));
}

TEST_P(DiskConformance, RenameReplacesItsTarget) {
  put(this, "old", "1");
  put(this, "new", "2");
  ASSERT_TRUE(run(env().disk().rename("new", "old")).has_value());
  EXPECT_EQ(get(this, "old"), "2");
  EXPECT_EQ(get(this, "new"), "[not_found]");
  EXPECT_EQ(code(run(env().disk().rename("absent", "old"))), Code::not_found);
  EXPECT_EQ(code(run(env().disk().rename("old", "absent/x"))), Code::not_found);
  EXPECT_EQ(get(this, "old"), "2");
}

TEST_P(DiskConformance, RenameMovesBetweenFolders) {
  ASSERT_TRUE(run(env().disk().create_directory("from")).has_value());
  ASSERT_TRUE(run(env().disk().create_directory("to")).has_value());
  put(this, "from/a", "moved");
  ASSERT_TRUE(run(env().disk().rename("from/a", "to/b")).has_value());
  EXPECT_EQ(get(this, "to/b"), "moved");
  EXPECT_TRUE(run(env().disk().list("from")).value().empty());
}

TEST_P(DiskConformance, ARemovedFileIsGoneButReadableWhileOpen) {
  put(this, "a", "still here");
  const auto file = open(this, "a");
  ASSERT_TRUE(run(env().disk().remove("a")).has_value());
  EXPECT_EQ(get(this, "a"), "[not_found]");
  EXPECT_EQ(code(run(env().disk().remove("a"))), Code::not_found);
  Bytes into(10);
  EXPECT_EQ(run(file->read_at(0, into)).value(), 10u);
  EXPECT_EQ(as_text(into), "still here");
}

TEST_P(DiskConformance, ListIsSortedAndKnowsFilesAndFolders) {
  for (const char* name : {"d/b", "d/a/x", "d/c"}) {
    ASSERT_TRUE(run(env().disk().create_directory(name)).has_value());
  }
  put(this, "d/B", "");
  put(this, "d/10", "");
  put(this, "d/9", "");
  EXPECT_THAT(run(env().disk().list("d")).value(), ElementsAre("10", "9", "B", "a", "b", "c"));
  EXPECT_THAT(run(env().disk().list("")).value(), ElementsAre("d"));
  EXPECT_EQ(status_of(run(env().disk().list("absent"))).code(), Code::not_found);
}

TEST_P(DiskConformance, FoldersAreMadeWithTheirParentsAndRemovedWithTheirContents) {
  ASSERT_TRUE(run(env().disk().create_directory("a/b/c")).has_value());
  ASSERT_TRUE(run(env().disk().create_directory("a/b/c")).has_value());
  put(this, "a/b/c/file", "x");
  put(this, "a/keep", "y");
  EXPECT_TRUE(run(env().disk().exists("a/b/c/file")).value());
  EXPECT_TRUE(run(env().disk().exists("a/b")).value());
  ASSERT_TRUE(run(env().disk().remove_tree("a/b")).has_value());
  EXPECT_FALSE(run(env().disk().exists("a/b/c/file")).value());
  EXPECT_FALSE(run(env().disk().exists("a/b")).value());
  EXPECT_EQ(get(this, "a/keep"), "y");
  EXPECT_TRUE(run(env().disk().remove_tree("never/was")).has_value());
}

TEST_P(DiskConformance, APathCannotLeaveTheDataFolder) {
  for (const std::string path :
       {"../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/", "..", ""}) {
    EXPECT_EQ(open_code(this, path, OpenMode::create), Code::invalid_argument) << path;
    EXPECT_EQ(code(run(env().disk().remove(path))), Code::invalid_argument) << path;
    EXPECT_EQ(code(run(env().disk().remove_tree(path))), Code::invalid_argument) << path;
    EXPECT_EQ(code(run(env().disk().create_directory(path))), Code::invalid_argument) << path;
    EXPECT_EQ(code(run(env().disk().rename(path, "b"))), Code::invalid_argument) << path;
    EXPECT_EQ(code(run(env().disk().rename("b", path))), Code::invalid_argument) << path;
  }
  EXPECT_EQ(status_of(run(env().disk().list(".."))).code(), Code::invalid_argument);
  EXPECT_EQ(status_of(env().disk().open_blocking_directory("../x")).code(), Code::invalid_argument);
}

TEST_P(DiskConformance, AFolderIsNoFile) {
  ASSERT_TRUE(run(env().disk().create_directory("d")).has_value());
  put(this, "f", "");
  EXPECT_EQ(open_code(this, "d", OpenMode::create), Code::failed_precondition);
  EXPECT_EQ(open_code(this, "d", OpenMode::read), Code::failed_precondition);
  EXPECT_EQ(code(run(env().disk().remove("d"))), Code::failed_precondition);
  EXPECT_EQ(code(run(env().disk().create_directory("f"))), Code::failed_precondition);
  EXPECT_EQ(status_of(run(env().disk().list("f"))).code(), Code::failed_precondition);
}

TEST_P(DiskConformance, SyncedFilesAreThereAfterARestart) {
  for (const Stop how : {Stop::orderly, Stop::process_kill, Stop::power_loss}) {
    if (!world().can_stop(how)) continue;
    const std::string name = "file" + std::to_string(static_cast<int>(how));
    put(this, name, "kept");
    put(this, "renamed.tmp", name);
    ASSERT_TRUE(run(env().disk().rename("renamed.tmp", "renamed")).has_value());
    ASSERT_TRUE(run(env().disk().sync_directory("")).has_value());
    world().restart(0, how);
    EXPECT_EQ(get(this, name), "kept");
    EXPECT_EQ(get(this, "renamed"), name);
    EXPECT_EQ(get(this, "renamed.tmp"), "[not_found]");
  }
}

TEST_P(DiskConformance, WrittenFilesAreThereAfterAProcessDied) {
  if (!world().can_stop(Stop::process_kill)) return;
  ASSERT_TRUE(run(put_file(&env(), "a", text("only written"), false)).has_value());
  world().restart(0, Stop::process_kill);
  EXPECT_EQ(get(this, "a"), "only written");
}

Task<void> write_for_ever(Env* env, std::string path, int* writes) {
  auto file = co_await env->disk().open(std::move(path), OpenMode::create);
  if (!file.has_value()) co_return;
  const Bytes bytes = pattern(700'000, 3);
  while (true) {
    const auto written = co_await (*file)->write_at(0, bytes);
    if (!written.has_value()) co_return;
    const auto synced = co_await (*file)->sync();
    if (!synced.has_value()) co_return;
    Bytes back(500'000);
    const auto count = co_await (*file)->read_at(100, back);
    if (!count.has_value()) co_return;
    ++*writes;
  }
}

TEST_P(DiskConformance, ATaskMayBeDestroyedAtAnyOfItsOperations) {
  int writes = 0;
  for (int round = 0; round < 20; ++round) {
    const auto number =
        world().tasks(0).spawn(write_for_ever(&env(), "a" + std::to_string(round % 3), &writes));
    const int enough = writes + round % 4;
    ASSERT_TRUE(run_until([&] { return writes >= enough; }));
    world().tasks(0).cancel(number);
  }
  put(this, "after", "fine");
  EXPECT_EQ(get(this, "after"), "fine");
}

TEST_P(DiskConformance, NodesDoNotSeeEachOthersFiles) {
  put(this, "mine", "1");
  EXPECT_FALSE(run(env(1).disk().exists("mine"), 1).value());
}

TEST_P(DiskConformance, FreeSpaceIsKnown) {
  EXPECT_GT(env().disk().free_space_bytes().value(), 0u);
}

}  // namespace
}  // namespace vectron::conformance
