#include "writerlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include <base/temporary.h>

#define PAUSE_US 50000
#define LONGEST 200

/* "process 123 (clipmoe) since 2026-11-01 08:00:00" */
static char *
describe_us (void) {
  GDateTime *now = g_date_time_new_now_local ();
  char *when = g_date_time_format (now, "%Y-%m-%d %H:%M:%S");
  char *text = g_strdup_printf ("process %d (%.40s) since %s", (int)getpid (),
                                g_get_prgname () ? g_get_prgname () : "unknown", when);
  g_free (when);
  g_date_time_unref (now);
  return text;
}

static gboolean
busy (int fd, const char *dir, GError **error) {
  char text[LONGEST + 1] = "";
  ssize_t n = pread (fd, text, LONGEST, 0);
  text[MAX (n, 0)] = 0;
  text[strcspn (text, "\n")] = 0;
  if (!g_utf8_validate (text, -1, NULL) || !g_str_has_prefix (text, "process "))
    strcpy (text, "another process");
  for (char *c = text; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return clipmoe_error_set (error, CLIPMOE_ERROR_BUSY, dir, "%s writes to this archive; one at a time can",
                            text);
}

int
clipmoe_writer_lock (const char *path, const char *dir, guint seconds, GError **error) {
  gint64 until = g_get_monotonic_time () + (gint64)seconds * G_USEC_PER_SEC;
  struct stat st;
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
  if (fd < 0 || fstat (fd, &st) != 0) {
    clipmoe_error_set_errno (error, path, "cannot create");
    if (fd >= 0)
      close (fd);
    return -1;
  }
  if (!S_ISREG (st.st_mode)) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "not a file, expected the lock of an archive");
    close (fd);
    return -1;
  }
  while (flock (fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR)
      continue;
    if (errno == EWOULDBLOCK && g_get_monotonic_time () < until) {
      g_usleep (PAUSE_US);
      continue;
    }
    if (errno == EWOULDBLOCK)
      busy (fd, dir, error);
    else
      clipmoe_error_set_errno (error, path, "cannot lock");
    close (fd);
    return -1;
  }
  char *text = describe_us ();
  /* on a full disk the lock holds all the same, and merely does not say whose it is */
  if (ftruncate (fd, 0) == 0)
    clipmoe_write_at (fd, text, strlen (text), 0);
  g_free (text);
  return fd;
}

void
clipmoe_writer_unlock (int fd) {
  if (fd < 0)
    return;
  if (ftruncate (fd, 0) != 0) /* the text is of no use without the lock, nor does it harm */
    errno = 0;
  close (fd);
}
