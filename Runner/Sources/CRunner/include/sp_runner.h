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
};

/// Runs a command in a process group of its own, standard input empty, and waits for it.
///
/// What is left of its group afterwards is killed: a helper that lives on could change the tree while it is committed.
/// `standard_output` -1 keeps our own. `timeout_ms` 0 waits without end.
long sp_run(const char *_Nullable const *_Nonnull argv, const char *_Nullable const *_Nonnull environment, int standard_output,
            int64_t timeout_ms, struct sp_end *end);

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
/// A reader of frames that went away must not end the work. Undone in every program started from here.
void sp_ignore_broken_pipes(void);
/// One entry of our own environment, `NAME=value`, or null after the last.
const char *_Nullable sp_environment(size_t index);
int64_t sp_milliseconds(void);
/// The name of an error number in words.
const char *sp_error_text(int number);

#pragma clang assume_nonnull end
