// SPDX-License-Identifier: Apache-2.0
// The caller's terminal and the session's own. Every function returns -errno on failure.
#pragma once
#include <termios.h>

#include "sp_calls.h"

#pragma clang assume_nonnull begin

static inline long sp_terminal_modes(int fd, struct termios *modes) { SP_RET(tcgetattr(fd, modes)); }

/// Takes effect at once: waiting for output to drain (TCSADRAIN) would hang on a terminal that was stopped.
static inline long sp_terminal_set_modes(int fd, const struct termios *modes) { SP_RET(tcsetattr(fd, TCSANOW, modes)); }

/// The same modes, with every key passed on as it is. cfmakeraw(3)
static inline struct termios sp_terminal_raw(const struct termios *modes) {
    struct termios raw = *modes;
    cfmakeraw(&raw);
    return raw;
}
/// The same modes for a terminal behind one that keeps them: it neither echoes nor turns LF into CR LF once more.
static inline struct termios sp_terminal_behind(const struct termios *modes) {
    struct termios inner = *modes;
    inner.c_lflag &= ~(tcflag_t)ECHO;
    inner.c_oflag &= ~(tcflag_t)ONLCR;
    return inner;
}
/// What the terminal itself says about the bytes it takes (set by the emulator, by sshd, by systemd).
static inline int sp_terminal_is_utf8(const struct termios *modes) { return (modes->c_iflag & IUTF8) != 0; }

/// 1 when this is the controlling terminal and another process group has it: `command &` in a shell.
static inline int sp_terminal_is_background(int fd) {
    pid_t foreground = tcgetpgrp(fd);
    return foreground >= 0 && foreground != getpgrp();
}

/// The inner end of a pty, found through the outer one and so in no /dev of ours. ioctl_tty(2)
static inline long sp_pty_peer(int outer) { SP_RET(ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)); }

static inline long sp_socketpair_stream(int *_Nonnull ends) {
    SP_RET(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
}

#pragma clang assume_nonnull end
