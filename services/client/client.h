// Client: the C++ library for programs that use a Vectron cluster.
//
// A thin typed layer over the public contract (schemas/vectron.fbs). It spreads calls over the
// gateways that it is given, and goes to another one when a call certainly was not done. A write
// whose outcome is unknown is sent again only when it carries a request id, for then a repetition
// changes nothing; otherwise it is answered with unknown_outcome: the program reads first, then
// decides. It belongs to the event loop of its Env.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/env.h"
#include "schemas/vectron_messages.h"

namespace vectron {

struct ClientConfig {
  /// At least one.
  std::vector<Address> gateways;
  /// The deadline of each call, attempts at several gateways included.
  Duration request_timeout = 10s;
  /// How long one gateway may think about a read before another one is asked; about a write with a
  /// request id half of the time that is left, if that is longer. Only where there are two gateways
  /// or more.
  Duration read_attempt_timeout = 3s;
  /// How long connecting to a gateway may take before another one is asked.
  Duration connect_timeout = 1s;
  /// The pause before a second round over all gateways; doubles up to backoff_max.
  Duration backoff_min = 20ms;
  Duration backoff_max = 500ms;
  /// Attempts of one call, all gateways together. They end with the deadline too.
  uint32_t attempts_max = 32;
  /// The largest request or reply.
  size_t frame_bytes_max = 64 << 20;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Tasks it returned must end or be destroyed before it is. Errors of every operation: those of the
/// contract; unavailable (no gateway could be reached, or none could do it; not done; said at once
/// when nobody listens at any of them), deadline_exceeded (not done), and for writes
/// unknown_outcome.
class Client {
 public:
  /// `env` outlives it. Requires: config.validate().
  Client(Env& env, ClientConfig config);
  ~Client();

  /// Creates a collection. Errors: already_exists, invalid_argument.
  Task<Result<api::CreateCollectionReply>> create_collection(api::CreateCollectionRequest request);
  /// All collections, in the order of their names.
  Task<Result<api::ListCollectionsReply>> list_collections();
  /// All workers, in the order of their node ids.
  Task<Result<api::ListWorkersReply>> list_workers();
  /// Errors: not_found.
  Task<Result<api::GetCollectionStatusReply>> collection_status(std::string name);
  /// Removes a collection. Without an id it looks up first which collection has the name, so that
  /// it can be repeated. Errors: not_found, invalid_argument.
  Task<Result<api::DeleteCollectionReply>> delete_collection(api::DeleteCollectionRequest request);
  /// Stores points. A reply may hold errors of single points; when no point was written, the call
  /// itself fails with the first error. A point that failed is unknown_outcome when an earlier
  /// attempt of the call may have written it. Errors: not_found, invalid_argument.
  Task<Result<api::UpsertReply>> upsert(api::UpsertRequest request);
  /// Errors: not_found (no such collection, or no such point).
  Task<Result<api::GetReply>> get(api::GetRequest request);
  /// Removes a point. Errors: not_found (no such collection); a point that does not exist is no
  /// error.
  Task<Result<api::DeleteReply>> remove(api::DeleteRequest request);
  /// Errors: not_found, invalid_argument.
  Task<Result<api::SearchReply>> search(api::SearchRequest request);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vectron
