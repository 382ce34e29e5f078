/* Preloaded into a command: lets one of its calls fail. Only files below CLIPMOE_FAULT_UNDER count.
 *
 * CLIPMOE_FAULT         open, read, pread, stat, write (also pwrite), truncate, fsync, rename, close, mkdir:
 * of such a file; or malloc: of 64 KiB and more, by whoever can be told that there is no memory (GLib's own
 * tables cannot) CLIPMOE_FAULT_AT      the how manieth call, from 1 CLIPMOE_FAULT_ERROR   a number of errno;
 * 0 = one byte alone is read or written CLIPMOE_FAULT_LATER   1 = all calls after it fail as well
 * CLIPMOE_FAULT_REPORT  a file that is created when the fault happens */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGE (64 << 10)
#define MOST_FILES 4096

static atomic_int calls;
static atomic_char watched[MOST_FILES]; /* by descriptor */

static const char *
setting (const char *name) {
  const char *value = getenv (name);
  return value ? value : "";
}

/* Whether this call is the one. */
static int
due (const char *kind) {
  if (strcmp (setting ("CLIPMOE_FAULT"), kind) != 0)
    return 0;
  int n = atomic_fetch_add (&calls, 1) + 1, at = atoi (setting ("CLIPMOE_FAULT_AT"));
  if (n < at || (n > at && *setting ("CLIPMOE_FAULT_LATER") != '1'))
    return 0;
  long fd = syscall (SYS_openat, AT_FDCWD, setting ("CLIPMOE_FAULT_REPORT"), O_CREAT | O_WRONLY, 0600);
  if (fd >= 0)
    syscall (SYS_close, fd);
  return 1;
}

static int
under (const char *path) {
  const char *top = setting ("CLIPMOE_FAULT_UNDER");
  return *top && path && strncmp (path, top, strlen (top)) == 0;
}

static int
is_watched (int fd) {
  return fd >= 0 && fd < MOST_FILES && atomic_load (&watched[fd]);
}

/* Sets errno; 0 asks for a short call instead. */
static int
fault (void) {
  errno = atoi (setting ("CLIPMOE_FAULT_ERROR"));
  return errno;
}

static int
open_any (int folder, const char *path, int flags, mode_t mode) {
  if (under (path) && due ("open")) {
    if (!fault ())
      errno = EIO;
    return -1;
  }
  int fd = (int)syscall (SYS_openat, folder, path, flags, mode);
  if (fd >= 0 && fd < MOST_FILES)
    atomic_store (&watched[fd], under (path));
  return fd;
}

#define OPEN_MODE                                                                                            \
  va_list args;                                                                                              \
  va_start (args, flags);                                                                                    \
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (args, mode_t) : 0;                                   \
  va_end (args)

int
open (const char *path, int flags, ...) {
  OPEN_MODE;
  return open_any (AT_FDCWD, path, flags, mode);
}

int
open64 (const char *path, int flags, ...) {
  OPEN_MODE;
  return open_any (AT_FDCWD, path, flags, mode);
}

int
close (int fd) {
  int fails = is_watched (fd) && due ("close");
  if (fd >= 0 && fd < MOST_FILES)
    atomic_store (&watched[fd], 0);
  int r = (int)syscall (SYS_close, fd);
  return fails && fault () ? -1 : r;
}

ssize_t
read (int fd, void *data, size_t n) {
  if (is_watched (fd) && n && due ("read")) {
    if (fault ())
      return -1;
    n = 1;
  }
  return syscall (SYS_read, fd, data, n);
}

ssize_t
write (int fd, const void *data, size_t n) {
  if (is_watched (fd) && n && due ("write")) {
    if (fault ())
      return -1;
    n = 1;
  }
  return syscall (SYS_write, fd, data, n);
}

static ssize_t
pwrite_any (int fd, const void *data, size_t n, off_t offset) {
  if (is_watched (fd) && n && due ("write")) {
    if (fault ())
      return -1;
    n = 1;
  }
  return syscall (SYS_pwrite64, fd, data, n, offset);
}

ssize_t
pwrite (int fd, const void *data, size_t n, off_t offset) {
  return pwrite_any (fd, data, n, offset);
}

ssize_t
pwrite64 (int fd, const void *data, size_t n, off_t offset) {
  return pwrite_any (fd, data, n, offset);
}

int
ftruncate (int fd, off_t length) {
  return is_watched (fd) && due ("truncate") && fault () ? -1 : (int)syscall (SYS_ftruncate, fd, length);
}

int
ftruncate64 (int fd, off_t length) {
  return ftruncate (fd, length);
}

static ssize_t
pread_any (int fd, void *data, size_t n, off_t offset) {
  if (is_watched (fd) && n && due ("pread")) {
    if (fault ())
      return -1;
    n = 1;
  }
  return syscall (SYS_pread64, fd, data, n, offset);
}

ssize_t
pread (int fd, void *data, size_t n, off_t offset) {
  return pread_any (fd, data, n, offset);
}

ssize_t
pread64 (int fd, void *data, size_t n, off_t offset) {
  return pread_any (fd, data, n, offset);
}

int
fstat (int fd, struct stat *out) {
  return is_watched (fd) && due ("stat") && fault () ? -1 : (int)syscall (SYS_fstat, fd, out);
}

int
stat (const char *path, struct stat *out) {
  return under (path) && due ("stat") && fault () ? -1 : (int)syscall (SYS_stat, path, out);
}

int
lstat (const char *path, struct stat *out) {
  return under (path) && due ("stat") && fault () ? -1 : (int)syscall (SYS_lstat, path, out);
}

/* The same calls by the names that large files gave them. */
int
fstat64 (int fd, struct stat64 *out) {
  return fstat (fd, (struct stat *)out);
}

int
stat64 (const char *path, struct stat64 *out) {
  return stat (path, (struct stat *)out);
}

int
lstat64 (const char *path, struct stat64 *out) {
  return lstat (path, (struct stat *)out);
}

int
fsync (int fd) {
  return is_watched (fd) && due ("fsync") && fault () ? -1 : (int)syscall (SYS_fsync, fd);
}

int
rename (const char *from, const char *to) {
  return under (to) && due ("rename") && fault () ? -1 : (int)syscall (SYS_rename, from, to);
}

int
renameat2 (int a, const char *from, int b, const char *to, unsigned flags) {
  return under (to) && due ("rename") && fault () ? -1 : (int)syscall (SYS_renameat2, a, from, b, to, flags);
}

int
mkdir (const char *path, mode_t mode) {
  return under (path) && due ("mkdir") && fault () ? -1 : (int)syscall (SYS_mkdir, path, mode);
}

/* Memory */

extern void *__libc_malloc (size_t n);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t n);

/* GLib ends the process when its own calls fail: that is stated, and not what is looked for. */
static int
can_be_told (void *caller) {
  Dl_info info;
  return !dladdr (caller, &info) || !info.dli_fname || !strstr (info.dli_fname, "libglib");
}

static int
refused (size_t n, void *caller) {
  return n >= LARGE && *setting ("CLIPMOE_FAULT") == 'm' && can_be_told (caller) && due ("malloc");
}

void *
malloc (size_t n) {
  return refused (n, __builtin_return_address (0)) ? (errno = ENOMEM, NULL) : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size) {
  size_t all = size && n > (size_t)-1 / size ? (size_t)-1 : n * size;
  return refused (all, __builtin_return_address (0)) ? (errno = ENOMEM, NULL) : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n) {
  return refused (n, __builtin_return_address (0)) ? (errno = ENOMEM, NULL) : __libc_realloc (p, n);
}

void *
g_try_malloc (size_t n) {
  return refused (n, __builtin_return_address (0)) || !n ? NULL : __libc_malloc (n);
}

void *
g_try_malloc0 (size_t n) {
  return refused (n, __builtin_return_address (0)) || !n ? NULL : __libc_calloc (1, n);
}

void *
g_try_malloc_n (size_t n, size_t size) {
  size_t all = size && n > (size_t)-1 / size ? (size_t)-1 : n * size;
  return all == (size_t)-1 || !all || refused (all, __builtin_return_address (0)) ? NULL
                                                                                  : __libc_malloc (all);
}

void *
g_try_malloc0_n (size_t n, size_t size) {
  size_t all = size && n > (size_t)-1 / size ? (size_t)-1 : n * size;
  return all == (size_t)-1 || !all || refused (all, __builtin_return_address (0)) ? NULL
                                                                                  : __libc_calloc (1, all);
}

void *
g_try_realloc (void *p, size_t n) {
  return refused (n, __builtin_return_address (0)) ? NULL : __libc_realloc (p, n);
}
