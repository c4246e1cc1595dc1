/* LD_PRELOAD library: refuses /proc/PID/syscall as Yama's ptrace scope 1 does (ptrace(2)).
 *
 * Only an ancestor of a process may read it, and the process itself. maps, wchan and the other
 * files stay readable, as under Yama. Root is not refused anything. Build it with
 * cc -shared -fPIC -o yama.so yama.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int (*open_call)(const char *, int, mode_t);
typedef int (*openat_call)(int, const char *, int, mode_t);

/* The parent of a process; 0 where there is none, or the process is gone. */
static int parent_of(int pid) {
    char path[64], line[256];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    if (!status) return 0;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "PPid: %d", &parent) == 1) break;
    fclose(status);
    return parent;
}

/* Whether a path is /proc/PID/syscall or /proc/PID/task/TID/syscall of no descendant. */
static int refused(const char *path) {
    int pid, at = 0;
    if (!path || geteuid() == 0) return 0;
    if (sscanf(path, "/proc/%d/%n", &pid, &at) != 1 || !at) return 0;
    size_t length = strlen(path);
    if (length < 8 || strcmp(path + length - 8, "/syscall")) return 0;
    for (int now = pid; now > 0; now = parent_of(now))
        if (now == getpid()) return 0;
    return access(path, F_OK) == 0;
}

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...) {                            \
        static open_call real;                                              \
        va_list more;                                                       \
        va_start(more, flags);                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                       \
        if (!real) real = (open_call)dlsym(RTLD_NEXT, #name);               \
        if (refused(path)) return errno = EPERM, -1;                        \
        return real(path, flags, mode);                                     \
    }

#define OPENAT(name)                                                        \
    int name(int folder, const char *path, int flags, ...) {                \
        static openat_call real;                                            \
        va_list more;                                                       \
        va_start(more, flags);                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                       \
        if (!real) real = (openat_call)dlsym(RTLD_NEXT, #name);             \
        if (refused(path)) return errno = EPERM, -1;                        \
        return real(folder, path, flags, mode);                             \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
