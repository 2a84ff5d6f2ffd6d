// The last words to a peer that is turned away.
#pragma once

#include "core/env/network.h"

namespace vectron {

/// Reads what comes, and throws it away, until the peer ends. May wait for ever: give it a
/// deadline. Requires: `connection` outlives the task. True.
Task<bool> discard_input(Connection* connection);

/// Writes `words`, ends the writing side, and reads what comes until the peer ends too: closing
/// with unread input would be a reset, and could overtake the words. May wait for ever: give it a
/// deadline. Requires: `connection` outlives the task. True when the words were taken.
Task<bool> tell_and_end(Connection* connection, Bytes words);

}  // namespace vectron
