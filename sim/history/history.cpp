#include "sim/history/history.h"

#include <algorithm>

#include "core/base/assert.h"
#include "sim/plan/json.h"

namespace vectron::sim {

namespace {

int64_t microseconds(Instant when) {
  return to_microseconds(when.time_since_epoch());
}

JsonArray tokens_json(const std::vector<ShardAt>& tokens) {
  JsonArray out;
  for (const ShardAt& token : tokens) {
    out.emplace_back(JsonObject{{"shard", token.shard_id}, {"applied_index", token.applied_index}});
  }
  return out;
}

void add_search(JsonObject& line, const SearchRecord& search) {
  line.emplace_back("k", search.k);
  line.emplace_back("exact", search.exact);
  JsonArray hits;
  for (const SearchHit& hit : search.hits) {
    hits.emplace_back(JsonObject{{"id", hit.id.to_string()},
                                 {"score", fmt::format("{}", hit.score)},
                                 {"version", hit.version},
                                 {"value", hit.value}});
  }
  line.emplace_back("hits", std::move(hits));
}

Json operation_json(const Operation& operation) {
  JsonObject line = {{"client", operation.client},
                     {"request", operation.request},
                     {"kind", operation_kind_name(operation.kind)},
                     {"collection", operation.collection}};
  if (operation.kind != OperationKind::search) line.emplace_back("id", operation.point.to_string());
  line.emplace_back("invoke_order", operation.invoke_order);
  line.emplace_back("return_order", operation.return_order);
  line.emplace_back("invoked_us", Json(microseconds(operation.invoked)));
  line.emplace_back("returned_us", Json(microseconds(operation.returned)));
  line.emplace_back("outcome", outcome_name(operation.outcome));
  const bool reads =
      operation.kind == OperationKind::get || operation.kind == OperationKind::search;
  if (reads) line.emplace_back("linearizable", operation.linearizable);
  if (operation.kind == OperationKind::upsert || operation.kind == OperationKind::get) {
    line.emplace_back("value", operation.value);
    line.emplace_back("version", operation.version);
  }
  if (operation.kind == OperationKind::remove) line.emplace_back("existed", operation.existed);
  if (!operation.status.ok()) line.emplace_back("status", operation.status.to_string());
  line.emplace_back("tokens", tokens_json(operation.tokens));
  if (operation.search != nullptr) add_search(line, *operation.search);
  return Json(std::move(line));
}

}  // namespace

std::string_view operation_kind_name(OperationKind kind) {
  switch (kind) {
    case OperationKind::upsert:
      return "upsert";
    case OperationKind::get:
      return "get";
    case OperationKind::remove:
      return "delete";
    case OperationKind::search:
      return "search";
  }
  return "?";
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::pending:
      return "pending";
    case Outcome::ok:
      return "ok";
    case Outcome::failed:
      return "failed";
    case Outcome::unknown:
      return "unknown";
  }
  return "?";
}

size_t History::begin(Operation operation, Instant now) {
  VECTRON_ASSERT(operation.outcome == Outcome::pending);
  operation.invoke_order = ++order_;
  operation.invoked = now;
  operations_.push_back(std::move(operation));
  return operations_.size() - 1;
}

void History::end(size_t position, Outcome outcome, Instant now) {
  VECTRON_ASSERT(position < operations_.size());
  VECTRON_ASSERT(outcome != Outcome::pending);
  Operation& operation = operations_[position];
  VECTRON_ASSERT(operation.outcome == Outcome::pending, "an operation ends once");
  VECTRON_ASSERT(now >= operation.invoked);
  operation.outcome = outcome;
  operation.return_order = ++order_;
  operation.returned = now;
}

uint64_t History::count(Outcome outcome) const {
  return static_cast<uint64_t>(std::ranges::count(operations_, outcome, &Operation::outcome));
}

uint64_t History::count(OperationKind kind, Outcome outcome) const {
  return static_cast<uint64_t>(std::ranges::count_if(operations_, [&](const Operation& operation) {
    return operation.kind == kind && operation.outcome == outcome;
  }));
}

std::string History::to_json_lines() const {
  std::string out;
  for (const Operation& operation : operations_) out += operation_json(operation).compact() + "\n";
  return out;
}

}  // namespace vectron::sim
