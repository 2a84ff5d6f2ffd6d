#include "services/gateway/shard_inquiry.h"

#include <fmt/format.h>

#include "core/env/refused.h"
#include "schemas/leader_hint.h"

namespace vectron::gateway {
namespace {

Status damaged(const Status& last, ShardId shard, const DamagedCopies& copies) {
  return Status(Code::data_loss, fmt::format("shard {}: {} of its {} copies are damaged: {}", shard,
                                             copies.count(), copies.members(), last.message()));
}

Status nobody_could(const Status& last, ShardId shard) {
  return Status(Code::unavailable,
                fmt::format("shard {} could not do it {}: {}", shard,
                            last.field() == kRefusedField ? "now" : "in time", last.message()));
}

Evidence evidence_of(const wire::ErrorDetail& hint, std::optional<size_t> named,
                     const std::vector<Route::Member>& members) {
  if (hint.leader_node == 0) return Evidence::none;
  if (!named) return Evidence::known;
  const bool moved =
      !hint.leader_address.empty() && members[*named].address.text != hint.leader_address;
  return moved ? Evidence::address : Evidence::none;
}

}  // namespace

bool Refreshes::allows(Evidence evidence) const {
  switch (evidence) {
    case Evidence::none:
      return false;
    case Evidence::guess:
      return !guessed_;
    case Evidence::address:
      return !refreshed_ && !address_failed_;
    case Evidence::known:
      return !refreshed_;
  }
  return false;
}

void Refreshes::note(Evidence evidence, bool succeeded) {
  if (evidence == Evidence::guess) {
    guessed_ = true;
  } else if (succeeded) {
    refreshed_ = true;
  } else if (evidence == Evidence::address) {
    address_failed_ = true;
  }
}

ShardInquiry::ShardInquiry(const rpc::InquiryLimits& limits, RandomStream* random,
                           const Operation& operation, const Route::Shard& shard, Instant now,
                           Instant deadline)
    : operation_(operation),
      random_(random),
      inquiry_(limits, random,
               {.access = operation.access,
                .targets = shard.members.size(),
                .first = first_member(shard),
                .now = now,
                .deadline = deadline}),
      patience_for_room_(limits.attempts.backoff_min),
      damaged_copies_(shard.members.size()) {}

size_t ShardInquiry::first_member(const Route::Shard& shard) const {
  return operation_.any_replica ? random_->below(shard.members.size()) : shard.leader.node();
}

std::optional<Instant> ShardInquiry::same_again(const Status& failure, Instant now) {
  const auto pause = patience_for_room_.after(failure.code(), operation_.access);
  if (!pause || now + *pause >= inquiry_.deadline()) return std::nullopt;
  return now + *pause;
}

Result<bool> ShardInquiry::judge(const Status& failure, const Route::Shard& shard) {
  const bool damaged_copy = is_damaged_copy(failure);
  damaged_copies_.note(member(), damaged_copy);
  const Verdict verdict =
      damaged_copy ? Verdict::ask_on : judge_shard_failure(failure.code(), operation_.access);
  if (verdict == Verdict::give_up) {
    // Without its detail: where to ask instead is nothing to the client.
    return fail(
        told(Status(failure.code(), fmt::format("shard {}: {}", shard.id, failure.message()),
                    failure.field())));
  }

  const wire::ErrorDetail hint = wire::leader_hint(failure);
  const auto named = find_member(shard.members, NodeId(hint.leader_node));
  inquiry_.advance(failure, operation_.any_replica ? std::nullopt : named, !damaged_copy);
  const bool hopeless = damaged_copies_.hopeless(operation_.any_replica);
  in_the_end_ = told(hopeless ? damaged(failure, shard.id, damaged_copies_)
                              : nobody_could(failure, shard.id));
  // Unless the shard has moved since to members that are whole.
  const bool moved_perhaps = refreshes_.allows(Evidence::known);
  if (inquiry_.exhausted() || (hopeless && !moved_perhaps)) return fail(in_the_end_);

  // One damaged copy says nothing of the route: the others are asked first.
  const bool known = hopeless || verdict == Verdict::refresh;
  evidence_ = known ? Evidence::known : evidence_of(hint, named, shard.members);
  if (evidence_ == Evidence::none && inquiry_.begins_round()) evidence_ = Evidence::guess;
  return refreshes_.allows(evidence_);
}

void ShardInquiry::restart(const Route::Shard& shard) {
  inquiry_.restart(shard.members.size(), first_member(shard));
  damaged_copies_ = DamagedCopies(shard.members.size());
}

Result<Instant> ShardInquiry::next(Instant now) const {
  const std::optional<Instant> next = inquiry_.next(now);
  if (!next) return fail(in_the_end_);
  return *next;
}

}  // namespace vectron::gateway
