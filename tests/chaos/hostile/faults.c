/* Preloaded into a sidecar: lets calls of the C library fail for files that are named in a file of rules.

   The environment variable FAULTS names that file. Each of its lines is `CALL NAME ERRNO`: the call `open`, `stat` or
   `read` fails with this error for each path that contains NAME; `short` makes reads return a third of what they were
   asked for; `hang` lets reads wait until the rule is gone. The rules are read again at each call, so that a test can change them while the process runs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

static int rule(const char *call, const char *path)
{
    static __typeof__(open64) *open_;
    static __typeof__(read) *read_;
    char text[8192], wanted[16], name[256];
    const char *file = getenv("FAULTS");
    int saved = errno, number, found = 0, length;
    if (!open_) open_ = dlsym(RTLD_NEXT, "open64"), read_ = dlsym(RTLD_NEXT, "read");
    int fd = file ? open_(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    ssize_t size = read_(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    for (const char *at = text; sscanf(at, "%15s %255s %d\n%n", wanted, name, &number, &length) == 3; at += length)
        if (!strcmp(wanted, call) && strstr(path, name)) found = number;
    errno = saved;
    return found;
}

static int rule_of(const char *call, int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return rule(call, path);
}

static int fails(int number) { if (number) errno = number; return number; }

#define OPENS(name) \
int name(int folder, const char *path, int flags, ...) \
{ \
    REAL(name); \
    va_list rest; va_start(rest, flags); mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; va_end(rest); \
    return fails(rule("open", path)) ? -1 : real(folder, path, flags, mode); \
}
OPENS(openat)
OPENS(openat64)

#define READS(name, offset_type) \
ssize_t name(int fd, void *data, size_t size, offset_type offset) \
{ \
    REAL(name); \
    while (rule_of("hang", fd)) usleep(20000); \
    if (fails(rule_of("read", fd))) return -1; \
    return real(fd, data, size > 2 && rule_of("short", fd) ? 1 + size / 3 : size, offset); \
}
READS(pread, off_t)
READS(pread64, off64_t)

int fstat(int fd, struct stat *status) { REAL(fstat); return fails(rule_of("stat", fd)) ? -1 : real(fd, status); }
int fstat64(int fd, struct stat64 *status) { REAL(fstat64); return fails(rule_of("stat", fd)) ? -1 : real(fd, status); }
