// SPDX-License-Identifier: Apache-2.0
// The C side of the runner. Functions return a non-negative result or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// How a command ended.
struct sp_end {
    int exit_code;    // -1 when a signal ended it
    int signal;       // 0 when it exited
    int timed_out;    // 1 when it was killed at its deadline
    int killed;       // processes of it that were still there at its end
};

/// How a command is started.
struct sp_start {
    const char *_Nullable input;    // becomes standard input; null is an empty one
    int standard_output;            // -1 keeps our own
    int joins_errors;               // standard error goes where standard output goes
};

/// Starts a command in a process group of its own and returns its id.
long sp_begin(const char *_Nullable const *_Nonnull argv, const char *_Nullable const *_Nonnull environment,
              const struct sp_start *how);

/// Waits for a started command to end, or for bytes to come in on `events`, or for `deadline_ms` on our clock to pass.
///
/// Returns 0 when the command has ended, the number of bytes that came in, or `-ETIME`. 0 as a deadline waits without end,
/// -1 as `events` looks at the command alone.
long sp_await(int child, int events, char *buffer, size_t room, int64_t deadline_ms);

/// Takes the end of a command, killing it when it has not ended, and kills what it left behind: other processes of its
/// group, and those that were handed to us because their parents are gone.
///
/// A helper that lives on could change the tree while it is committed.
long sp_finish(int child, int timed_out, struct sp_end *end);

/// From here on what our descendants leave behind becomes our child. prctl(2), PR_SET_CHILD_SUBREAPER
long sp_adopt_orphans(void);

/// Makes a fifo and opens it for reading, so that it never ends while writers come and go.
long sp_make_fifo(const char *path);

/// Runs a command and takes up to `room` bytes of its standard output; `-EFBIG` when it wrote more.
long sp_capture(const char *_Nullable const *_Nonnull argv, const char *_Nullable const *_Nonnull environment, char *buffer, size_t room,
                struct sp_end *end);

/// Becomes another program; returns only on failure.
long sp_become(const char *_Nullable const *_Nonnull argv, const char *_Nullable const *_Nonnull environment);

/// Writes all bytes to a descriptor.
long sp_write_all(int fd, const char *bytes, size_t count);
/// Makes a descriptor close-on-exec; `-EBADF` when it is not open.
long sp_keep_private(int fd);
/// Creates or replaces a small file.
long sp_write_file(const char *path, const char *bytes, size_t count);
/// Adds bytes to the end of a file, making it when it is not there.
long sp_append_file(const char *path, const char *bytes, size_t count);
long sp_change_directory(const char *path);
/// Reads a whole small file; `-EFBIG` when it is longer than `room`.
long sp_read_file(const char *path, char *buffer, size_t room);
long sp_is_executable(const char *path);
/// Removes a file.
long sp_remove(const char *path);
/// 1 when the file system of a directory has no space left.
long sp_is_full(const char *path);
/// A reader of frames that went away must not end the work. Undone in every program started from here.
void sp_ignore_broken_pipes(void);
/// One entry of our own environment, `NAME=value`, or null after the last.
const char *_Nullable sp_environment(size_t index);
int64_t sp_milliseconds(void);
/// Waits, and nothing else.
void sp_pause(int64_t milliseconds);
/// The name of an error number in words.
const char *sp_error_text(int number);

#pragma clang assume_nonnull end
