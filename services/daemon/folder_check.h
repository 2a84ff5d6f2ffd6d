// Whether a folder may become, or is, what `--data` names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "services/daemon/role.h"

namespace vectron {

/// Whether a node of `vectron up` has a folder of this name: "worker-12", and nothing that merely
/// begins so, for people name their own files after nodes.
bool is_node_folder(std::string_view name);

/// `names`: what lies in the folder. Errors: failed_precondition with the field `data`, when the
/// folder is another role's or holds what no vectron put there.
Result<void> check_folder_names(Role role, std::string_view folder,
                                const std::vector<std::string>& names);

/// The same for a folder as it is; one that does not exist is fine. Errors: also permission_denied
/// and unavailable (it cannot be read), invalid_argument (it is a file).
Result<void> check_data_folder(Role role, const std::string& folder);

}  // namespace vectron
