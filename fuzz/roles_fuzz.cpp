// Sequences of frames (Hellos, Raft, worker and placement calls, whole or damaged) to each role of
// a small simulated cluster: no process ends, levels and memory stay within their bounds, memory is
// given back, and after what a stranger sends no replica is lost and everything serves.
//
// An input is a program of steps (sim/cluster/frame_program.h), which the mutator here changes one
// by one. `-ignore_remaining_args=1 --seeds=FOLDER` writes programs to begin with into an empty
// folder.
#include <sanitizer/allocator_interface.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "core/base/random.h"
#include "sim/cluster/frame_plan.h"
#include "sim/cluster/frame_seeds.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace {

using vectron::Bytes;
using vectron::ByteView;
using vectron::RandomStream;
using vectron::sim::FrameProgram;

/// Of one run of the small cluster, frames and answers included.
constexpr size_t kMemoryBytesMax = size_t{256} << 20;
/// What a run may leave behind: tables that are made once.
constexpr size_t kLeftBytesMax = size_t{4} << 20;

// Of all allocations of the process, as the sanitizer's allocator tells. The fuzzer has a thread
// besides.
std::atomic<size_t> used_bytes = size_t{1} << 40;  // Some of what is freed was never counted.
std::atomic<size_t> peak_bytes = 0;

void allocated(const volatile void* block, size_t size) {
  if (block == nullptr) return;
  const size_t used = used_bytes += size;
  if (used > peak_bytes) peak_bytes = used;
}

void freed(const volatile void* block) {
  if (block != nullptr)
    used_bytes -= __sanitizer_get_allocated_size(const_cast<const void*>(block));
}

/// Totals of this process, told at its end.
struct Totals {
  uint64_t runs = 0;
  vectron::sim::ForgedCounts forged;
  size_t peak_bytes = 0;
  ~Totals() {
    std::fprintf(stderr,
                 "roles: %zu runs, %zu connections, %zu frames, %zu answers, %zu refusals, %zu "
                 "bytes at most in one run\n",
                 runs, forged.connections, forged.frames, forged.answers, forged.errors,
                 peak_bytes);
  }
};
Totals totals;

void write_seeds(const std::string& folder) {
  size_t number = 0;
  for (const FrameProgram& program : vectron::sim::frame_seeds()) {
    const Bytes bytes = program.write();
    std::ofstream file(folder + "/seed-" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
}

Bytes fresh_step(RandomStream* random) {
  Bytes step(4 + random->below(120));
  for (uint8_t& byte : step) byte = static_cast<uint8_t>(random->next());
  return step;
}

void mutate_bytes(Bytes* step) {
  const size_t size = step->size();
  step->resize(FrameProgram::kStepBytesMax);
  step->resize(LLVMFuzzerMutate(step->data(), size, FrameProgram::kStepBytesMax));
}

/// One change of one step, or of the order of steps.
void mutate(FrameProgram* program, RandomStream* random) {
  std::vector<Bytes>& steps = program->steps;
  if (steps.empty()) steps.push_back(fresh_step(random));
  const auto any = [&] { return static_cast<ptrdiff_t>(random->below(steps.size())); };
  const auto at = steps.begin() + any();
  const bool full = steps.size() >= FrameProgram::kStepsMax;
  const uint64_t choice = random->below(16);
  if (choice == 0) {
    program->member = !program->member;
  } else if (choice == 1) {
    steps.erase(at);
  } else if (choice == 2) {
    std::swap(*at, steps[static_cast<size_t>(any())]);
  } else if (choice == 3 && !full) {
    const Bytes copy = *at;
    steps.insert(steps.begin() + any(), copy);
  } else if (choice == 4 && !full) {
    steps.insert(at, fresh_step(random));
  } else {
    mutate_bytes(&*at);
  }
}

size_t put(const FrameProgram& program, uint8_t* data, size_t size_max) {
  const Bytes bytes = program.write();
  if (bytes.size() > size_max) return 0;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

void fail(const char* what) {
  std::fprintf(stderr, "roles: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  constexpr std::string_view kSeeds = "--seeds=";
  for (int i = 1; i < *count; ++i) {
    const std::string_view argument = (*arguments)[i];
    if (!argument.starts_with(kSeeds)) continue;
    write_seeds(std::string(argument.substr(kSeeds.size())));
    std::exit(0);
  }
  if (__sanitizer_install_malloc_and_free_hooks(allocated, freed) == 0)
    fail("memory is not counted");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned int seed) {
  RandomStream random(seed, "mutate");
  FrameProgram program = FrameProgram::read(ByteView(data, size));
  const uint64_t changes = 1 + random.below(4);
  for (uint64_t i = 0; i < changes; ++i) mutate(&program, &random);
  const size_t written = put(program, data, size_max);
  return written > 0 ? written : size;
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size,
                                            const uint8_t* second, size_t second_size, uint8_t* out,
                                            size_t size_max, unsigned int seed) {
  RandomStream random(seed, "cross_over");
  FrameProgram program = FrameProgram::read(ByteView(first, first_size));
  const FrameProgram other = FrameProgram::read(ByteView(second, second_size));
  program.steps.resize(random.below(program.steps.size() + 1));
  const auto from = static_cast<ptrdiff_t>(random.below(other.steps.size() + 1));
  program.steps.insert(program.steps.end(), other.steps.begin() + from, other.steps.end());
  if (program.steps.size() > FrameProgram::kStepsMax) program.steps.resize(FrameProgram::kStepsMax);
  return put(program, out, size_max);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vectron;
  const size_t before = used_bytes;
  peak_bytes = before;
  {
    const sim::RunReport report = sim::run_frames(ByteView(data, size));
    for (const sim::Violation& violation : report.violations) {
      std::fprintf(stderr, "[%.*s] %s\n", static_cast<int>(violation.oracle.size()),
                   violation.oracle.data(), violation.text.c_str());
    }
    ++totals.runs;
    totals.forged.connections += report.forged.connections;
    totals.forged.frames += report.forged.frames;
    totals.forged.answers += report.forged.answers;
    totals.forged.errors += report.forged.errors;
    if (!report.passed()) fail("an oracle objects");
  }
  totals.peak_bytes = std::max<size_t>(totals.peak_bytes, peak_bytes - before);
  if (peak_bytes - before > kMemoryBytesMax) fail("a run took too much memory");
  if (used_bytes > before + kLeftBytesMax) fail("a run left memory behind");
  return 0;
}
