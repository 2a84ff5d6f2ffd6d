#include "sim/oracle/shard_model.h"

#include <algorithm>
#include <set>

#include "core/base/assert.h"
#include "core/model/coverage.h"
#include "schemas/point_id_message.h"
#include "schemas/storage_messages.h"
#include "sim/history/value.h"

namespace vectron::sim {

namespace {

PointVersion version_of(stored::ShardOperation operation, uint64_t index, index::Metric metric) {
  PointVersion version;
  version.index = index;
  version.present = operation.kind == stored::OperationKind::upsert;
  if (!version.present) return version;
  version.value = value_of_payload(operation.payload).value_or(kAbsent);
  for (wire::NamedVector& vector : operation.vectors) {
    if (vector.name.empty()) version.vector = std::move(vector.values);
  }
  if (metric == index::Metric::cosine) index::normalize(version.vector);
  return version;
}

const PointVersion* version_at(const std::vector<PointVersion>& versions, uint64_t index) {
  const auto after = std::ranges::upper_bound(versions, index, {}, &PointVersion::index);
  if (after == versions.begin() || !std::prev(after)->present) return nullptr;
  return &*std::prev(after);
}

}  // namespace

Result<ShardModel> ShardModel::build(std::span<const raft::Payload> entries, index::Metric metric) {
  ShardModel model;
  std::set<std::pair<uint64_t, uint32_t>> requests;
  for (size_t i = 0; i < entries.size(); ++i) {
    model.last_index_ = i + 1;
    if (entries[i] == nullptr) continue;
    auto command = decode<stored::ShardCommand>(raft::view(entries[i]));
    if (!command.has_value()) {
      return fail(command.error().with_context(fmt::format("entry {}", i + 1)));
    }
    const stored::EntryHeader& header = command->header;
    if (header.request_id != 0 && !requests.emplace(header.request_id, header.piece).second) {
      continue;  // A repetition changes nothing.
    }
    for (stored::ShardOperation& operation : command->operations) {
      VECTRON_TRY(PointId id, id_of_message(operation.id));
      std::vector<PointVersion>& versions = model.points_[std::move(id)];
      PointVersion version = version_of(std::move(operation), i + 1, metric);
      // The last operation of an entry on a point wins.
      if (!versions.empty() && versions.back().index == i + 1) versions.pop_back();
      versions.push_back(std::move(version));
    }
  }
  return model;
}

const PointVersion* ShardModel::find(const PointId& id, uint64_t index) const {
  const auto point = points_.find(id);
  return point == points_.end() ? nullptr : version_at(point->second, index);
}

void ShardModel::for_each(
    uint64_t index, const std::function<void(const PointId&, const PointVersion&)>& visit) const {
  for (const auto& [id, versions] : points_) {
    if (const PointVersion* version = version_at(versions, index)) visit(id, *version);
  }
}

uint64_t ShardModel::coverage(uint64_t index) const {
  uint64_t sum = 0;
  for_each(index, [&sum](const PointId& id, const PointVersion& version) {
    sum += coverage_hash(id, version.index);
  });
  return sum;
}

}  // namespace vectron::sim
