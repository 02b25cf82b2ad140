// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/signalfd.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

/// Blocks every signal of the calling thread and returns a signalfd of those that the supervisor acts on.
static inline long sp_block_signals_and_watch(void) {
    sigset_t all, watched;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, NULL) != 0) return -EINVAL;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGQUIT);
    sigaddset(&watched, SIGWINCH);
    sigaddset(&watched, SIGUSR1);
    sigaddset(&watched, SIGUSR2);
    sigaddset(&watched, SIGCONT);
    sigaddset(&watched, SIGTSTP);
    SP_RET(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}
/// The next pending signal of a signalfd, or -EAGAIN.
static inline long sp_next_signal(int fd) {
    struct signalfd_siginfo info;
    long n = read(fd, &info, sizeof info);
    if (n < 0) return -errno;
    return n == (long)sizeof info ? (long)info.ssi_signo : -EIO;
}
static inline int sp_exited(int status) { return WIFEXITED(status); }
static inline int sp_exit_code(int status) { return WEXITSTATUS(status); }
static inline int sp_term_signal(int status) { return WTERMSIG(status); }

#pragma clang assume_nonnull end
