// What a worker's disk holds once all is quiet, against the replicas that it shall hold. Pure.
//
// A removed replica leaves neither a folder nor a word in the write-ahead log, and what the log
// says of the others is enough for them to start again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/oracle/stored_log.h"

namespace vectron::sim {

struct WorkerHoldings {
  /// The replicas that placement has there, each with its group.
  std::map<ReplicaId, GroupId> wanted;
  /// The names in its folder of replicas, each with the names in that one.
  std::map<std::string, std::set<std::string>> folders;
  Result<StoredLog> log;
};

struct Leftover {
  /// Of the violation: "log", or none: a folder.
  std::string_view kind;
  std::string text;
};

/// Something of a removed replica that is still there, or a replica that would not start again
/// from what is there; none where all is as it shall be.
std::optional<Leftover> leftover_in(const WorkerHoldings& holdings);

}  // namespace vectron::sim
