#include "net/system_status.h"

#include <errno.h>

#include <string>
#include <string_view>
#include <system_error>

#include "core/env/descriptors.h"

namespace vectron {

namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::resource_exhausted;
    case EIO:
    case EUCLEAN:
      return Code::data_loss;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::permission_denied;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return Code::invalid_argument;
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
      return Code::failed_precondition;
    default:
      return Code::unavailable;
  }
}

}  // namespace

Status system_status(int error, const std::string& what) {
  const bool no_descriptor = error == EMFILE || error == ENFILE;
  return {code_of(error), what + ": " + std::generic_category().message(error),
          std::string(no_descriptor ? kDescriptorsField : std::string_view())};
}

}  // namespace vectron
