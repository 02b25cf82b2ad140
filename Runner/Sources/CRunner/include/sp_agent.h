// SPDX-License-Identifier: Apache-2.0
// What the built-in agent needs of the kernel. Functions return a non-negative result or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What the functions below answer with, where a caller asks for it; negative there.
enum { SP_NO_SUCH_NAME = 2, SP_LEADS_OUT = 18, SP_NO_DIRECTORY = 20, SP_NOT_A_FILE = 22, SP_TOO_LONG = 27 };

/// 1 when this process can gain no privilege and runs under a filter of system calls. prctl(2)
long sp_is_confined(void);

/// Connects to a host by name. `-ENOENT` when there is no such name, `-EAGAIN` when nobody could say.
///
/// Deadlines are times of `sp_milliseconds`; `-ETIME` when they pass. Ends with a socket that does not block.
long sp_dial(const char *host, const char *port, int64_t deadline_ms);
long sp_send_all(int fd, const char *bytes, size_t count, int64_t deadline_ms);
/// 0 at the end of the stream.
long sp_receive(int fd, char *buffer, size_t room, int64_t deadline_ms);

/// A pipe, close-on-exec at both ends.
long sp_make_pipe(int ends[_Nonnull 2]);
void sp_close(int fd);
/// The absolute path of the current directory.
long sp_current_directory(char *buffer, size_t room);

enum sp_opening { SP_READ, SP_WRITE, SP_DIRECTORY };

/// Opens a path below the current directory; `-EXDEV` when it leads out of it, by a link as well. openat2(2), RESOLVE_BENEATH
///
/// `SP_WRITE` makes the file and empties it. A fifo does not block, and is no regular file: see `sp_file_size`.
long sp_open_below(const char *path, enum sp_opening how);
/// Makes the directories above a path, each below the current directory.
long sp_make_parents(const char *path);
/// The size of a regular file; `-EISDIR` for a directory, `-EINVAL` for what is neither.
int64_t sp_file_size(int fd);
/// Reads up to `room` bytes from where the descriptor stands.
long sp_read_all(int fd, char *buffer, size_t room);
/// The entries of a directory but "." and "..", each its kind ('d', 'f', 'l' or 'o'), its name and a zero byte.
///
/// `-EFBIG` when they do not fit. The descriptor is used up and closed.
long sp_list_directory(int fd, char *buffer, size_t room);

#pragma clang assume_nonnull end
