#include "services/worker/hit_details.h"

#include "schemas/point_id_message.h"
#include "services/worker/work_cost.h"

namespace vectron {
namespace {

// Of moving what is known already: looking it up, whatever its bytes.
constexpr uint64_t kKnownNanoseconds = 200;

}  // namespace

void HitDetails::begin(std::vector<wire::ShardHit>* hits) {
  hits_ = hits;
  next_ = bytes_ = 0;
  changed_.clear();
}

void HitDetails::forget() {
  for (wire::ShardHit& hit : std::span(*hits_).first(next_)) {
    hit.payload = {};
    hit.vector = {};
  }
  known_.clear();
  known_bytes_ = 0;
  begin(hits_);
}

Result<HitDetails::Step> HitDetails::add_some(size_t piece_bytes) {
  if (!wanted_.payload && !wanted_.vector) return Step::complete;
  uint64_t nanoseconds = 0;
  size_t read_bytes = 0;
  Step step = Step::more;
  while (step == Step::more && nanoseconds < kPieceNanoseconds && read_bytes < piece_bytes) {
    if (next_ == hits_->size()) {
      step = changed_.empty() ? Step::complete : Step::changed;
      break;
    }
    const size_t before = bytes_;
    VECTRON_TRY(const Found found, add(&(*hits_)[next_]));
    if (found == Found::known) {
      nanoseconds += kKnownNanoseconds;
    } else {
      read_bytes += bytes_ - before;
      nanoseconds += point_reading_cost(1, bytes_ - before).nanoseconds;
    }
    if (bytes_ > wanted_.bytes_max) return fail(too_large_answer());
    if (found == Found::changed) changed_.push_back(next_);
    ++next_;
  }
  if (step == Step::changed) keep();
  cpu_.worked_on_loop({.nanoseconds = nanoseconds});
  return step;
}

Result<HitDetails::Found> HitDetails::add(wire::ShardHit* hit) {
  VECTRON_TRY(const PointId id, id_of_message(hit->id));
  const auto before = known_.extract(id);
  if (!before.empty()) known_bytes_ -= bytes_of(before.mapped());
  const bool is_known = !before.empty() && before.mapped().version == hit->version;
  if (is_known) {
    hit->payload = std::move(before.mapped().payload);
    hit->vector = std::move(before.mapped().vector);
  } else {
    VECTRON_TRY(auto point, state_.read(id));
    if (!point || point->version != hit->version) {
      return wanted_.planted_any_version ? Found::read : Found::changed;
    }
    if (wanted_.payload) hit->payload = std::move(point->payload);
    if (wanted_.vector) hit->vector = std::move(point->vectors.front().values);
  }
  bytes_ += bytes_of(*hit);
  return is_known ? Found::known : Found::read;
}

void HitDetails::keep() {
  known_.clear();
  known_bytes_ = std::exchange(bytes_, 0);
  auto changed = changed_.begin();
  for (size_t i = 0; i < hits_->size(); ++i) {
    if (changed != changed_.end() && *changed == i) {
      ++changed;
      continue;
    }
    wire::ShardHit& hit = (*hits_)[i];
    const Result<PointId> id = id_of_message(hit.id);
    VECTRON_ASSERT(id.has_value(), "it was read by this id");
    known_.emplace(*id, std::move(hit));
  }
}

}  // namespace vectron
