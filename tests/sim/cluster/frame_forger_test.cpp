// Programs of frames, played as a stranger and as a member, to each role of a small cluster: those
// that a fuzzer begins with, those that it found something with, and random ones.
//
// VECTRON_FRAME_INPUTS raises the number of random programs (nightly runs), VECTRON_FRAME_SEED sets
// the first.
#include "sim/cluster/frame_forger.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "core/base/random.h"
#include "sim/cluster/cluster_nodes.h"
#include "sim/cluster/frame_plan.h"
#include "sim/cluster/frame_seeds.h"

namespace vectron::sim {
namespace {

uint64_t number_from(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

ForgedCounts play(const Bytes& bytes, const std::string& what) {
  const RunReport report = run_frames(bytes);
  for (const Violation& violation : report.violations) {
    ADD_FAILURE() << what << ": [" << violation.oracle << "] " << violation.text;
  }
  EXPECT_EQ(report.nodes_ended, 0u) << what;
  return report.forged;
}

Bytes random_program(uint64_t seed) {
  RandomStream random(seed, "frames");
  FrameProgram program;
  program.member = random.chance_ppm(500'000);
  program.steps.resize(1 + random.below(60));
  for (Bytes& step : program.steps) {
    step.resize(4 + random.below(160));
    for (uint8_t& byte : step) byte = static_cast<uint8_t>(random.next());
    if (step[0] < 64) continue;
    // Mostly what is plausible.
    for (size_t i = 4; i < step.size(); ++i)
      step[i] = random.chance_ppm(700'000) ? step[i] % 96 : step[i];
  }
  return program.write();
}

TEST(FrameForger, FindsNoRoleThatFramesCanHurt) {
  ASSERT_TRUE(frame_plan().validate().has_value());
  const uint64_t first = number_from("VECTRON_FRAME_SEED", 1);
  const uint64_t inputs = number_from("VECTRON_FRAME_INPUTS", 20);
  for (uint64_t seed = first; seed < first + inputs && !HasFailure(); ++seed) {
    play(random_program(seed), fmt::format("seed {}", seed));
  }
}

// Each target is asked each method, and answers some of it: the programs get past the checks of
// frames and messages.
TEST(FrameForger, SeedsGetAnswersFromEachRole) {
  std::map<uint8_t, uint64_t> answers;
  for (const FrameProgram& program : frame_seeds()) {
    const std::string what = fmt::format("target {}", program.steps.front().at(1));
    const ForgedCounts counts = play(program.write(), what);
    EXPECT_GT(counts.frames, program.steps.size() / 2) << what;
    if (program.member) continue;
    answers[program.steps.front().at(1)] += counts.answers;
    EXPECT_GT(counts.errors, 10u) << what;
  }
  for (const auto& [target, count] : answers) EXPECT_GT(count, 0u) << "target " << int{target};
}

TEST(FrameForger, MembersAnswerForWhatNeedsNoTrust) {
  for (const std::string_view name : {oracle::kBounds, oracle::kPeers, oracle::kLoop}) {
    EXPECT_TRUE(holds_whoever_lies({.oracle = std::string(name), .text = "", .kind = ""})) << name;
  }
  EXPECT_TRUE(holds_whoever_lies({.oracle = std::string(oracle::kDurability),
                                  .text = "",
                                  .kind = std::string(kEndedByItself)}));
  // The number of a worker's folder is told to members only, and whoever knows it is that worker.
  EXPECT_FALSE(holds_whoever_lies({.oracle = std::string(oracle::kDurability),
                                   .text = "",
                                   .kind = std::string(kRefusedForEver)}));
  for (const std::string_view name : {oracle::kDurability, oracle::kRaftSafety, oracle::kSearch}) {
    EXPECT_FALSE(holds_whoever_lies({.oracle = std::string(name), .text = "", .kind = ""})) << name;
  }
}

TEST(FrameForger, WhatWasFoundStaysRepaired) {
  const std::filesystem::path folder = VECTRON_SOURCE_DIR "/tests/sim/frames";
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    ASSERT_FALSE(bytes.empty()) << entry.path();
    play(bytes, entry.path().filename().string());
    ++count;
  }
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace vectron::sim
