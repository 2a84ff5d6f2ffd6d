#include "core/replica/birth_remains.h"

#include <fmt/format.h>

#include <charconv>

#include "core/kv/kv_store.h"
#include "core/replica/overlay.h"

namespace vectron {
namespace {

constexpr std::string_view kFirstGeneration = "generation-1";
constexpr std::string_view kManifestNew = "replica.manifest.new";

Task<std::optional<std::string>> content_of_store(Env* env, std::string path, KvConfig config) {
  const auto store = co_await KvStore::open_existing(env, path, config);
  if (!store.has_value()) {
    if (store.error().code() == Code::not_found) co_return std::nullopt;
    co_return fmt::format("{} cannot be opened ({})", env->disk().whole_path(path),
                          store.error().message());
  }
  const auto applied = OverlayStore::applied_index_of(store->get());
  const bool empty = applied.has_value() && *applied == LogIndex() && (*store)->item_count() == 0;
  co_await (*store)->close();
  if (empty) co_return std::nullopt;
  co_return fmt::format("{} holds data", env->disk().whole_path(path));
}

}  // namespace

std::optional<ReplicaId> replica_of_folder(std::string_view name) {
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (fmt::format("{}", number) != name) return std::nullopt;
  return ReplicaId(number);
}

Task<std::optional<std::string>> more_than_birth(Env* env, std::string folder, KvConfig config) {
  const auto names = co_await env->disk().list(folder);
  if (!names.has_value()) {
    co_return fmt::format("{} cannot be read ({})", env->disk().whole_path(folder),
                          names.error().message());
  }
  for (const std::string& name : *names) {
    if (name == kReplicaManifest || name == kManifestNew) continue;
    const std::string path = fmt::format("{}/{}", folder, name);
    if (name != kFirstGeneration) {
      co_return fmt::format("{} was left by no birth", env->disk().whole_path(path));
    }
    const auto content = co_await content_of_store(env, path, config);
    if (content.has_value()) co_return content;
  }
  co_return std::nullopt;
}

}  // namespace vectron
