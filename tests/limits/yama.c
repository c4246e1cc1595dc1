/* LD_PRELOAD library: refuses what Yama's ptrace scope 1 refuses (ptrace(2)), and what a
 * perf_event_paranoid of 3 does, as Debian and Ubuntu have them.
 *
 * Only an ancestor of a process, and the process itself, may trace it, and read or write its memory
 * and its /proc/PID/syscall. maps, pagemap, wchan and the other files stay readable, as under Yama.
 * Nobody gets performance events. Root is not refused anything. Build it with
 * cc -shared -fPIC -o yama.so yama.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int (*open_call)(const char *, int, mode_t);
typedef int (*openat_call)(int, const char *, int, mode_t);
typedef long (*six_call)(long, long, long, long, long, long, long);

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

/* Whether this process may not trace another one. */
static int is_closed(int pid) {
    if (geteuid() == 0) return 0;
    for (int now = pid; now > 0; now = parent_of(now))
        if (now == getpid()) return 0;
    return 1;
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && !strcmp(path + length - wanted, end);
}

/* Whether a path is /proc/PID/syscall, /proc/PID/mem, or one of a thread, of no descendant. */
static int refused(const char *path) {
    int pid, at = 0;
    if (!path || sscanf(path, "/proc/%d/%n", &pid, &at) != 1 || !at) return 0;
    if (!ends_with(path, "/syscall") && !ends_with(path, "/mem")) return 0;
    return is_closed(pid) && access(path, F_OK) == 0;
}

long syscall(long number, ...) {
    static six_call real;
    long a[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
    va_end(more);
    if (!real) real = (six_call)dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_perf_event_open && geteuid() != 0) return errno = EACCES, -1;
    int reads = number == SYS_process_vm_readv || number == SYS_process_vm_writev;
    if (reads && is_closed((int)a[0])) return errno = EPERM, -1;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long ptrace(enum __ptrace_request request, ...) {
    static six_call real;
    long a[3];
    va_list more;
    va_start(more, request);
    for (int i = 0; i < 3; i++) a[i] = va_arg(more, long);
    va_end(more);
    if (!real) real = (six_call)dlsym(RTLD_NEXT, "ptrace");
    int begins = request == PTRACE_ATTACH || request == PTRACE_SEIZE;
    if (begins && is_closed((int)a[0])) return errno = EPERM, -1;
    return real(request, a[0], a[1], a[2], 0, 0, 0);
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
