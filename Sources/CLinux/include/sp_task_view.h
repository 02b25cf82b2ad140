// SPDX-License-Identifier: Apache-2.0
// A directory of unknown content as a confined step may see it.
#pragma once
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Clones the mount beneath an open directory, alone and detached: read-only, without devices, set-user-id programs,
/// execution, symlinks that are followed, and marks of reading. Returns its descriptor or -errno; -EPERM and -ENOSYS
/// where this process or kernel may not. open_tree(2), mount_setattr(2)
long sp_task_view(int directory);

/// Shows the files of one owner in a view as another's, and everybody else's as nobody's. Returns 0 or -errno; -EINVAL
/// when the file system takes no id map. mount_setattr(2), MOUNT_ATTR_IDMAP
long sp_task_view_as(int view, uint32_t owner, uint32_t owner_group, uint32_t uid, uint32_t gid);

#pragma clang assume_nonnull end
