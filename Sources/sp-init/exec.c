// SPDX-License-Identifier: Apache-2.0
#include "exec.h"

#include <errno.h>

enum { LONGEST_PATH = 4096 };

static const char *search_path(char **envp) {
    for (; *envp; envp++) {
        const char *e = *envp;
        if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=') return e + 5;
    }
    return "/usr/local/bin:/usr/bin:/bin";
}

static int has_slash(const char *name) {
    for (; *name; name++)
        if (*name == '/') return 1;
    return 0;
}

long execute(char **argv, char **envp) {
    const char *name = argv[0];
    if (has_slash(name)) return sp_sys(SYS_execve, name, argv, envp);
    if (!*name) return -ENOENT;
    static char path[LONGEST_PATH];
    size_t name_length = length(name);
    long refused = -ENOENT;
    for (const char *p = search_path(envp);;) {
        size_t n = 0;
        while (p[n] && p[n] != ':') n++;
        // A relative entry would execute what lies in the workspace under a common name.
        if (n > 0 && p[0] == '/' && n + name_length + 2 <= sizeof path) {
            for (size_t i = 0; i < n; i++) path[i] = p[i];
            path[n] = '/';
            for (size_t i = 0; i <= name_length; i++) path[n + 1 + i] = name[i];
            long error = sp_sys(SYS_execve, path, argv, envp);
            if (error != -ENOENT && error != -ENOTDIR && refused == -ENOENT) refused = error;
        }
        if (!p[n]) return refused;
        p += n + 1;
    }
}
