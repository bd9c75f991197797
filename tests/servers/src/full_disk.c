/* While the file that FULL_DISK names exists, no file grows: writes beyond its end and requests for more room answer ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int grows(int file, off_t end) {
    struct stat found;
    const char *flag = getenv("FULL_DISK");
    if (flag == NULL || access(flag, F_OK) != 0) return 0;
    if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return 0;
    return end > found.st_size;
}

static off_t place(int file) {
    off_t at = lseek(file, 0, SEEK_CUR);
    return at < 0 ? 0 : at;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))
#define FULL do { errno = ENOSPC; return -1; } while (0)

ssize_t pwrite64(int file, const void *from, size_t length, off64_t at) {
    if (grows(file, at + (off_t)length)) FULL;
    return REAL("pwrite64", ssize_t (*)(int, const void *, size_t, off64_t))(file, from, length, at);
}

ssize_t pwrite(int file, const void *from, size_t length, off_t at) { return pwrite64(file, from, length, at); }

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
    off_t end = at;
    for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
    if (grows(file, end)) FULL;
    return REAL("pwritev", ssize_t (*)(int, const struct iovec *, int, off_t))(file, parts, count, at);
}

ssize_t write(int file, const void *from, size_t length) {
    /* Standard output and standard error go to the log of the test. */
    if (file > 2 && grows(file, place(file) + (off_t)length)) FULL;
    return REAL("write", ssize_t (*)(int, const void *, size_t))(file, from, length);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    off_t end = place(file);
    for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
    if (file > 2 && grows(file, end)) FULL;
    return REAL("writev", ssize_t (*)(int, const struct iovec *, int))(file, parts, count);
}

int posix_fallocate64(int file, off64_t at, off64_t length) {
    if (grows(file, at + length)) return ENOSPC;
    return REAL("posix_fallocate64", int (*)(int, off64_t, off64_t))(file, at, length);
}

int posix_fallocate(int file, off_t at, off_t length) { return posix_fallocate64(file, at, length); }

int fallocate64(int file, int mode, off64_t at, off64_t length) {
    if (grows(file, at + length)) FULL;
    return REAL("fallocate64", int (*)(int, int, off64_t, off64_t))(file, mode, at, length);
}

int fallocate(int file, int mode, off_t at, off_t length) { return fallocate64(file, mode, at, length); }

int ftruncate64(int file, off64_t length) {
    if (grows(file, length)) FULL;
    return REAL("ftruncate64", int (*)(int, off64_t))(file, length);
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }
