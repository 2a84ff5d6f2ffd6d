#include "sim/cluster/frame_seeds.h"

#include "core/base/random.h"
#include "sim/cluster/frame_bodies.h"
#include "sim/cluster/frame_plan.h"

namespace vectron::sim {

namespace {

constexpr size_t kFillerBytes = 200;

/// Bytes that mostly choose what is plausible.
Bytes filler(RandomStream* random) {
  Bytes out(kFillerBytes);
  for (uint8_t& byte : out) {
    byte = static_cast<uint8_t>(random->chance_ppm(150'000) ? random->next() : random->below(96));
  }
  return out;
}

Bytes step(std::initializer_list<size_t> choices, const Bytes& rest = {}) {
  Bytes out;
  for (const size_t choice : choices) out.push_back(static_cast<uint8_t>(choice));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

Bytes connect_step(size_t target, size_t form, size_t who) {
  return step({0, target, form, who, 1});
}

Bytes frame_step(size_t method, RandomStream* random) {
  return step({100, method, 0, 100}, filler(random));
}

Bytes wait_step() {
  return step({250, 40});
}

/// Each method of each role, asked of one node.
FrameProgram ask_all(size_t target, size_t form, size_t who, RandomStream* random) {
  FrameProgram program;
  program.steps.push_back(connect_step(target, form, who));
  for (size_t method = 0; method < forged_methods().size(); ++method) {
    for (int i = 0; i < 3; ++i) program.steps.push_back(frame_step(method, random));
    // Answers are read at the end of a connection.
    if (method % 4 == 3) {
      program.steps.push_back(wait_step());
      program.steps.push_back(connect_step(target, form, who));
    }
  }
  return program;
}

/// What a member says to another: the first two methods are Raft's.
FrameProgram speak_as_member(size_t target, size_t who, RandomStream* random) {
  FrameProgram program;
  program.member = true;
  for (int i = 0; i < 6; ++i) {
    program.steps.push_back(connect_step(target, 0, who));
    for (int j = 0; j < 6; ++j) program.steps.push_back(frame_step(0, random));
    program.steps.push_back(frame_step(1, random));
    program.steps.push_back(frame_step(5 + static_cast<size_t>(i) % 3, random));
    program.steps.push_back(wait_step());
  }
  return program;
}

}  // namespace

std::vector<FrameProgram> frame_seeds() {
  constexpr size_t kNobody = 210;  // Forms of a Hello, as the forger reads them.
  constexpr size_t kStranger = 150;
  constexpr size_t kWorkers = 64;  // Who is pretended: from here on they are workers.
  const PlanShape shape = frame_plan().shape;
  const size_t nodes = shape.placement_nodes + shape.workers + shape.gateways;
  RandomStream random(1, "frame_seeds");
  std::vector<FrameProgram> out;
  for (size_t target = 0; target < nodes; ++target) {
    out.push_back(ask_all(target, kNobody, 0, &random));
    out.push_back(ask_all(target, kStranger, target, &random));
    for (size_t who = 0; who < 3; ++who) {
      out.push_back(speak_as_member(target, who == 2 ? 0 : kWorkers + who, &random));
    }
  }
  return out;
}

}  // namespace vectron::sim
