#include "core/replica/read_rounds.h"

namespace vectron {

std::shared_ptr<ReadRounds::Round> ReadRounds::join() {
  if (!gathering_) gathering_ = std::make_shared<Round>(scheduler_);
  return gathering_;
}

std::optional<uint64_t> ReadRounds::begin() {
  if (id_in_flight_ != 0 || !gathering_) return std::nullopt;
  VECTRON_ASSERT(!in_flight_, "a round without an id is on its way");
  id_in_flight_ = (incarnation_ << 32) | ++last_number_;
  in_flight_ = std::exchange(gathering_, nullptr);
  return id_in_flight_;
}

bool ReadRounds::answered(uint64_t id, LogIndex index) {
  if (id_in_flight_ == 0 || id != id_in_flight_) return false;
  end(index);
  return true;
}

void ReadRounds::dropped(uint64_t id, const Status& why) {
  if (id_in_flight_ != 0 && id == id_in_flight_) end(fail(why));
}

void ReadRounds::refuse_all(const Status& why) {
  if (id_in_flight_ != 0) end(fail(why));
  if (gathering_) std::exchange(gathering_, nullptr)->set(fail(why));
}

void ReadRounds::end(Result<LogIndex> result) {
  id_in_flight_ = 0;
  std::exchange(in_flight_, nullptr)->set(std::move(result));
}

}  // namespace vectron
