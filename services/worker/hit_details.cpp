#include "services/worker/hit_details.h"

#include "schemas/point_id_message.h"

namespace vectron {
namespace {

// As measured: a read of the store and its decoding, and then each byte twice.
constexpr uint64_t kReadNanoseconds = 3'000;

}  // namespace

void HitDetails::begin(std::vector<wire::ShardHit>* hits) {
  hits_ = hits;
  next_ = bytes_ = 0;
}

Result<HitDetails::Step> HitDetails::add_some() {
  if (!wanted_.payload && !wanted_.vector) return Step::complete;
  uint64_t nanoseconds = 0;
  Step step = Step::more;
  while (step == Step::more && nanoseconds < kPieceNanoseconds) {
    if (next_ == hits_->size()) {
      step = Step::complete;
      break;
    }
    const size_t before = bytes_;
    VECTRON_TRY(const bool is_same, add(&(*hits_)[next_]));
    nanoseconds += kReadNanoseconds + 2 * (bytes_ - before);
    if (bytes_ > wanted_.bytes_max) return fail(too_large_answer());
    if (is_same) {
      ++next_;
    } else {
      keep();
      step = Step::changed;
    }
  }
  cpu_.worked_on_loop({.nanoseconds = nanoseconds});
  return step;
}

Result<bool> HitDetails::add(wire::ShardHit* hit) {
  VECTRON_TRY(const PointId id, id_of_message(hit->id));
  const auto known = known_.find(id);
  if (known != known_.end() && known->second.version == hit->version) {
    hit->payload = std::move(known->second.payload);
    hit->vector = std::move(known->second.vector);
    known_.erase(known);
  } else {
    VECTRON_TRY(auto point, state_.read(id));
    if (!point || point->version != hit->version) return wanted_.planted_any_version;
    if (wanted_.payload) hit->payload = std::move(point->payload);
    if (wanted_.vector) hit->vector = std::move(point->vectors.front().values);
  }
  bytes_ += hit->vector.size() * sizeof(float) + hit->payload.size();
  return true;
}

void HitDetails::keep() {
  for (size_t i = 0; i < next_; ++i) {
    wire::ShardHit& hit = (*hits_)[i];
    const Result<PointId> id = id_of_message(hit.id);
    if (id.has_value()) known_.insert_or_assign(*id, std::move(hit));
  }
}

}  // namespace vectron
