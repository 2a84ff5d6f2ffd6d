#include "core/replica/generations.h"

#include <fmt/format.h>

#include "core/replica/birth_remains.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica";

}  // namespace

std::string generation_folder(const std::string& replica_folder, uint64_t generation) {
  return fmt::format("{}/{}{}", replica_folder, kGenerationPrefix, generation);
}

Task<void> remove_store(Env* env, std::unique_ptr<KvStore> store, std::string folder) {
  if (store) co_await store->close();
  store.reset();
  const auto removed = co_await env->disk().remove_tree(folder);
  if (removed.has_value()) co_return;
  env->log().warning(kComponent, "folder {} was not removed: {}", env->disk().whole_path(folder),
                     removed.error().to_string());
}

Task<Result<void>> remove_other_generations(Env* env, std::string replica_folder,
                                            uint64_t generation) {
  const std::string kept = generation_folder(replica_folder, generation);
  const auto names = co_await env->disk().list(replica_folder);
  VECTRON_CO_CHECK_OK(names);
  for (const std::string& name : *names) {
    const std::string path = fmt::format("{}/{}", replica_folder, name);
    if (!name.starts_with(kGenerationPrefix) || path == kept) continue;
    const auto removed = co_await env->disk().remove_tree(path);
    VECTRON_CO_CHECK_OK(removed);
  }
  co_return Result<void>();
}

}  // namespace vectron
