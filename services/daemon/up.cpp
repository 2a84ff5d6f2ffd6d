#include "services/daemon/up.h"

#include "services/daemon/folder_check.h"
#include "services/daemon/local_cluster.h"
#include "services/daemon/process.h"
#include "services/daemon/settings_check.h"

namespace vectron {
namespace {

Task<Result<void>> up(const Settings* settings, Ground ground, Disk* disk, Event* stop,
                      std::function<void(ReadyAddresses)> ready) {
  LocalCluster cluster(ground, disk, *settings);
  Result<void> outcome = co_await cluster.run(stop, std::move(ready));
  co_return outcome;
}

}  // namespace

Result<void> run_up(const Settings& settings) {
  VECTRON_CHECK_OK(check_settings(settings, Role::up));
  VECTRON_CHECK_OK(check_data_folder(Role::up, settings.data));
  return run_process(settings, [&settings](Ground ground, Disk* disk, Event* stop,
                                           std::function<void(ReadyAddresses)> ready) {
    return up(&settings, ground, disk, stop, std::move(ready));
  });
}

}  // namespace vectron
