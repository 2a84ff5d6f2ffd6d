#include "services/gateway/merge.h"

#include <algorithm>

namespace vectron::gateway {
namespace {

// The same order as PointId's, without making one.
bool id_less(const wire::PointId& left, const wire::PointId& right) {
  if (left.is_text != right.is_text) return right.is_text;
  return left.is_text ? left.text < right.text : left.number < right.number;
}

// A place in one of the lists.
struct Cursor {
  size_t list = 0;
  size_t position = 0;
};

}  // namespace

bool comes_before(const wire::ShardHit& left, const wire::ShardHit& right) {
  if (left.distance != right.distance) return left.distance < right.distance;
  return id_less(left.id, right.id);
}

std::vector<wire::ShardHit> merge_hits(std::vector<std::vector<wire::ShardHit>> lists, size_t k) {
  if (lists.size() == 1) {
    if (lists[0].size() > k) lists[0].resize(k);
    return std::move(lists[0]);
  }
  const auto hit_at = [&lists](const Cursor& at) -> wire::ShardHit& {
    return lists[at.list][at.position];
  };
  // A heap whose top is the best of the lists' heads.
  const auto worse = [&hit_at](const Cursor& left, const Cursor& right) {
    return comes_before(hit_at(right), hit_at(left));
  };
  std::vector<Cursor> heads;
  for (size_t i = 0; i < lists.size(); ++i) {
    if (!lists[i].empty()) heads.push_back({i, 0});
  }
  std::make_heap(heads.begin(), heads.end(), worse);
  std::vector<wire::ShardHit> merged;
  while (merged.size() < k && !heads.empty()) {
    std::pop_heap(heads.begin(), heads.end(), worse);
    Cursor& best = heads.back();
    merged.push_back(std::move(hit_at(best)));
    if (++best.position < lists[best.list].size()) {
      std::push_heap(heads.begin(), heads.end(), worse);
    } else {
      heads.pop_back();
    }
  }
  return merged;
}

}  // namespace vectron::gateway
