/* Stands before the C library of one process: counts what that process writes below one folder, writes down what it
   did, and lets one call go wrong. Preloaded; armed by the process itself. Built by shim.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, EIO_ONCE, FULL };
enum { ALLOCATES = 1, MAY_FAIL = 2 };

static pthread_mutex_t turn = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char root[PATH_MAX];
static size_t root_length;
static int fault, record = -1;
static long fault_at, points;
static int full, fired;
static char fired_at[PATH_MAX + 64];

#define REAL(result, name, ...) \
  static result (*real_##name)(__VA_ARGS__); \
  if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static ssize_t plain_write(int fd, const void *bytes, size_t count) {
  REAL(ssize_t, write, int, const void *, size_t);
  return real_write(fd, bytes, count);
}

/* Returns whether a path lies below the folder. */
static int below(const char *path) {
  return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int named(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return below(path);
}

/* Makes a path absolute, without links of its folder. */
static int resolved(int folder, const char *given, char *path) {
  char parent[PATH_MAX], whole[PATH_MAX];
  if (!root_length) return 0;
  if (given[0] == '/') {
    snprintf(whole, sizeof whole, "%s", given);
  } else if (folder == AT_FDCWD) {
    if (!getcwd(parent, sizeof parent)) return 0;
    if (snprintf(whole, sizeof whole, "%s/%s", parent, given) >= PATH_MAX) return 0;
  } else {
    if (!named(folder, parent)) return 0;
    if (snprintf(whole, sizeof whole, "%s/%s", parent, given) >= PATH_MAX) return 0;
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  if (!slash) return 0;
  *slash = 0;
  if (!realpath(*whole ? whole : "/", parent)) return 0;
  if (snprintf(path, PATH_MAX, "%s/%s", parent, slash + 1) >= PATH_MAX) return 0;
  return below(path);
}

/* Writes one line down: what, where from and how long, a path, perhaps another, then the bytes. */
static void note(char what, const char *path, const char *other, long offset, const void *bytes, size_t count) {
  if (record < 0) return;
  char line[2 * PATH_MAX + 96];
  int length = snprintf(line, sizeof line, "%c\t%ld\t%zu\t%s\t%s\n", what, offset, count,
                        path + (below(path) ? root_length : 0), other + (below(other) ? root_length : 0));
  plain_write(record, line, length);
  const char *from = bytes;
  while (bytes && count) {
    ssize_t done = plain_write(record, from, count);
    if (done <= 0) abort();
    from += done;
    count -= done;
  }
}

/* Passes a point; returns 0, or the number of the error to fail with, or -1 where half is to be done first. */
static int point(const char *what, const char *path, int is) {
  points++;
  if (full && is & ALLOCATES) return ENOSPC;
  if (fault == NOTHING || fired || points != fault_at) return 0;
  fired = 1;
  snprintf(fired_at, sizeof fired_at, "%s %s", what, path + root_length);
  if (fault == FULL) {
    full = 1;
    return is & ALLOCATES ? -1 : 0;
  }
  return fault == EIO_ONCE && !(is & MAY_FAIL) ? 0 : -1;
}

/* Ends the process, or returns the error. */
static int gone_wrong(void) {
  if (fault == KILL) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  return fault == FULL ? ENOSPC : EIO;
}

#define FAILED(code) do { pthread_mutex_unlock(&turn); errno = (code); return -1; } while (0)
#define POINT(what, path, is) do { \
    int verdict = point(what, path, is); \
    if (verdict) FAILED(verdict < 0 ? gone_wrong() : verdict); \
  } while (0)

void shim_arm(const char *folder, int kind, long at, const char *record_to) {
  pthread_mutex_lock(&turn);
  snprintf(root, sizeof root, "%s", folder);
  root_length = strlen(root);
  fault = kind;
  fault_at = at;
  points = full = fired = 0;
  if (*record_to) {
    REAL(int, open64, const char *, int, ...);
    record = real_open64(record_to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  pthread_mutex_unlock(&turn);
}

/* The disk has room again, and nothing more goes wrong; what is done is still counted and written down. */
void shim_mend(void) {
  full = 0;
  fault = NOTHING;
}

long shim_points(void) { return points; }
const char *shim_fired(void) { return fired ? fired_at : ""; }
void shim_say(const char *words) {
  pthread_mutex_lock(&turn);
  note('A', "", "", 0, words, strlen(words));
  pthread_mutex_unlock(&turn);
}

static ssize_t written(const char *what, int fd, const void *bytes, size_t count, off64_t offset, const char *path,
                       ssize_t (*plain)(int, const void *, size_t, off64_t)) {
  pthread_mutex_lock(&turn);
  int verdict = point(what, path, ALLOCATES | MAY_FAIL);
  if (verdict > 0) FAILED(verdict);
  struct stat64 now;
  if (offset < 0) offset = fcntl(fd, F_GETFL) & O_APPEND && !fstat64(fd, &now) ? now.st_size : lseek64(fd, 0, SEEK_CUR);
  /* A call that is killed, or finds the disk full, did half; one that fails otherwise did nothing. */
  if (verdict && (fault == EIO_ONCE || count < 2)) FAILED(gone_wrong());
  ssize_t done = plain(fd, bytes, verdict ? count / 2 : count, offset);
  if (done > 0) note('W', path, "", offset, bytes, done);
  if (verdict && fault == KILL) gone_wrong();
  int kept = errno;
  pthread_mutex_unlock(&turn);
  errno = kept;
  return done;
}

static ssize_t at_place(int fd, const void *bytes, size_t count, off64_t offset) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  return real_pwrite64(fd, bytes, count, offset);
}

static ssize_t in_line(int fd, const void *bytes, size_t count, off64_t offset) {
  (void)offset;
  return plain_write(fd, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  char path[PATH_MAX];
  if (!root_length || !named(fd, path)) return plain_write(fd, bytes, count);
  return written("write", fd, bytes, count, -1, path, in_line);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  char path[PATH_MAX];
  if (!root_length || !named(fd, path)) return at_place(fd, bytes, count, offset);
  return written("pwrite", fd, bytes, count, offset, path, at_place);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }

/* Nothing here writes in these ways; what comes to do so has to be added, and until then falls back or fails. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[PATH_MAX];
  REAL(ssize_t, writev, int, const struct iovec *, int);
  if (!root_length || !named(fd, path)) return real_writev(fd, parts, count);
  return count ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
  char path[PATH_MAX];
  REAL(ssize_t, sendfile64, int, int, off64_t *, size_t);
  if (!root_length || !named(to, path)) return real_sendfile64(to, from, offset, count);
  errno = ENOSYS;
  return -1;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t count) { return sendfile64(to, from, offset, count); }

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *end, size_t count, unsigned flags) {
  char path[PATH_MAX];
  REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
  if (!root_length || !named(to, path)) return real_copy_file_range(from, start, to, end, count, flags);
  errno = ENOSYS;
  return -1;
}

static int synced(const char *what, int fd, int (*plain)(int)) {
  char path[PATH_MAX];
  if (!root_length || !named(fd, path)) return plain(fd);
  pthread_mutex_lock(&turn);
  note('B', path, "", 0, NULL, 0);
  POINT(what, path, ALLOCATES | MAY_FAIL);
  int done = plain(fd);
  if (!done) note('S', path, "", 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int fsync(int fd) {
  REAL(int, fsync, int);
  return synced("fsync", fd, real_fsync);
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  return synced("fdatasync", fd, real_fdatasync);
}

int ftruncate64(int fd, off64_t size) {
  char path[PATH_MAX];
  REAL(int, ftruncate64, int, off64_t);
  if (!root_length || !named(fd, path)) return real_ftruncate64(fd, size);
  pthread_mutex_lock(&turn);
  struct stat64 now;
  POINT("ftruncate", path, (!fstat64(fd, &now) && size > now.st_size ? ALLOCATES : 0) | MAY_FAIL);
  int done = real_ftruncate64(fd, size);
  if (!done) note('T', path, "", size, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  char path[PATH_MAX];
  REAL(int, posix_fallocate64, int, off64_t, off64_t);
  return !root_length || !named(fd, path) ? real_posix_fallocate64(fd, offset, size) : EOPNOTSUPP;
}

int posix_fallocate(int fd, off_t offset, off_t size) { return posix_fallocate64(fd, offset, size); }

static int opened(int folder, const char *given, int flags, mode_t mode) {
  char path[PATH_MAX];
  REAL(int, openat64, int, const char *, int, ...);
  if (!root_length || !(flags & (O_CREAT | O_TRUNC)) || !resolved(folder, given, path))
    return real_openat64(folder, given, flags, mode);
  pthread_mutex_lock(&turn);
  struct stat64 now;
  int there = !stat64(path, &now);
  if (!there) POINT("create", path, ALLOCATES | MAY_FAIL);
  else if (flags & O_TRUNC) POINT("truncate", path, MAY_FAIL);
  int fd = real_openat64(folder, given, flags, mode);
  if (fd >= 0 && !there) note('C', path, "", 0, NULL, 0);
  if (fd >= 0 && there && flags & O_TRUNC) note('T', path, "", 0, NULL, 0);
  int kept = errno;
  pthread_mutex_unlock(&turn);
  errno = kept;
  return fd;
}

#define OPENS(name, folder, ...) \
  int name(__VA_ARGS__, int flags, ...) { \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
      va_list rest; \
      va_start(rest, flags); \
      mode = va_arg(rest, mode_t); \
      va_end(rest); \
    } \
    return opened(folder, given, flags, mode); \
  }
OPENS(open, AT_FDCWD, const char *given)
OPENS(open64, AT_FDCWD, const char *given)
OPENS(openat, folder, int folder, const char *given)
OPENS(openat64, folder, int folder, const char *given)

int mkdirat(int folder, const char *given, mode_t mode) {
  char path[PATH_MAX];
  REAL(int, mkdirat, int, const char *, mode_t);
  struct stat64 now;
  if (!resolved(folder, given, path) || !stat64(path, &now)) return real_mkdirat(folder, given, mode);
  pthread_mutex_lock(&turn);
  POINT("mkdir", path, ALLOCATES | MAY_FAIL);
  int done = real_mkdirat(folder, given, mode);
  if (!done) note('D', path, "", 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int mkdir(const char *given, mode_t mode) { return mkdirat(AT_FDCWD, given, mode); }

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char path[PATH_MAX], other[PATH_MAX];
  REAL(int, renameat2, int, const char *, int, const char *, unsigned);
  if (!resolved(from_folder, from, path) || !resolved(to_folder, to, other))
    return real_renameat2(from_folder, from, to_folder, to, flags);
  pthread_mutex_lock(&turn);
  POINT("rename", path, ALLOCATES | MAY_FAIL);
  int done = real_renameat2(from_folder, from, to_folder, to, flags);
  if (!done) note('R', path, other, 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *given, int flags) {
  char path[PATH_MAX];
  REAL(int, unlinkat, int, const char *, int);
  struct stat64 now;
  if (!resolved(folder, given, path) || lstat64(path, &now)) return real_unlinkat(folder, given, flags);
  pthread_mutex_lock(&turn);
  POINT("unlink", path, MAY_FAIL);
  int done = real_unlinkat(folder, given, flags);
  if (!done) note('U', path, "", 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int unlink(const char *given) { return unlinkat(AT_FDCWD, given, 0); }
int rmdir(const char *given) { return unlinkat(AT_FDCWD, given, AT_REMOVEDIR); }
int remove(const char *given) { return unlink(given); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  char path[PATH_MAX], other[PATH_MAX];
  REAL(int, linkat, int, const char *, int, const char *, int);
  if (!resolved(from_folder, from, path) || !resolved(to_folder, to, other))
    return real_linkat(from_folder, from, to_folder, to, flags);
  pthread_mutex_lock(&turn);
  POINT("link", path, ALLOCATES | MAY_FAIL);
  int done = real_linkat(from_folder, from, to_folder, to, flags);
  if (!done) note('L', path, other, 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
