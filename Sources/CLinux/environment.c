// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp_environment.h"

long sp_hide_environment(int keep) {
    size_t count = 0;
    while (environ && environ[count]) count++;
    char **copies = calloc(count + 1, sizeof *copies);
    if (!copies) return -ENOMEM;
    for (size_t i = 0; keep && i < count; i++)
        if (!(copies[i] = strdup(environ[i]))) return -ENOMEM;
    for (size_t i = 0; i < count; i++) explicit_bzero(environ[i], strlen(environ[i]));
    environ = copies;
    return 0;
}

void sp_forget_variable(const char *name) {
    char *value;
    while ((value = getenv(name))) {
        explicit_bzero(value, strlen(value));
        if (unsetenv(name) < 0) return;
    }
}
