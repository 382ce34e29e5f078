#include "lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <clipmoe/error.h>
#include <stream/eventjson.h>
#include <stream/lookjson.h>
#include "gva.h"
#include "linewriter.h"

typedef struct {
  ClipmoeSink sink;
  ClipmoeLineWriter *writer;
  gboolean gva;
  gint width, height; /* atomic */
} Lines;

/* Whether @path is a regular file that does not begin like JSON lines, such as a video that was named by
 * mistake. */
static gboolean
is_foreign (const char *path) {
  char begin[64];
  struct stat st;
  if (stat (path, &st) != 0 || !S_ISREG (st.st_mode)) /* opening a pipe would make us its reader */
    return FALSE;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return FALSE;
  ssize_t n = pread (fd, begin, sizeof begin, 0), at = 0;
  close (fd);
  while (at < n && g_ascii_isspace (begin[at]))
    at++;
  return at < n && begin[at] != '{';
}

static void
set_live (ClipmoeSink *self, gboolean live) {
  clipmoe_line_writer_set_live (((Lines *)self)->writer, live);
}

static gboolean
add (ClipmoeSink *self, const ClipmoeLook *look, GError **error) {
  Lines *lines = (Lines *)self;
  char *text = lines->gva ? clipmoe_look_to_gva (look, (guint)g_atomic_int_get (&lines->width),
                                                 (guint)g_atomic_int_get (&lines->height))
                          : clipmoe_look_to_json (look);
  return clipmoe_line_writer_add (lines->writer, CLIPMOE_LINE_LOOK, text, error);
}

static gboolean
add_event (ClipmoeSink *self, const ClipmoeEvent *event, GError **error) {
  return clipmoe_line_writer_add (((Lines *)self)->writer, CLIPMOE_LINE_EVENT, clipmoe_event_to_json (event),
                                  error);
}

static void
set_frame (ClipmoeSink *self, guint width, guint height) {
  g_atomic_int_set (&((Lines *)self)->width, (gint)width);
  g_atomic_int_set (&((Lines *)self)->height, (gint)height);
}

static guint
drain (ClipmoeSink *self, GError **error) {
  return clipmoe_line_writer_drain (((Lines *)self)->writer, error);
}

static void
cancel (ClipmoeSink *self, gboolean on) {
  clipmoe_line_writer_cancel (((Lines *)self)->writer, on);
}

static void
reopen (ClipmoeSink *self) {
  clipmoe_line_writer_reopen (((Lines *)self)->writer);
}

static guint64
finish (ClipmoeSink *self) {
  return clipmoe_line_writer_finish (((Lines *)self)->writer);
}

static void
get_stats (ClipmoeSink *self, ClipmoeSinkStats *stats) {
  ClipmoeLineWriter *writer = ((Lines *)self)->writer;
  stats->waiting = 0; /* of brokers alone */
  clipmoe_line_writer_get_counts (writer, CLIPMOE_LINE_LOOK, &stats->looks.written, &stats->looks.dropped);
  clipmoe_line_writer_get_counts (writer, CLIPMOE_LINE_EVENT, &stats->events.written, &stats->events.dropped);
}

static void
lines_free (ClipmoeSink *self) {
  clipmoe_line_writer_free (((Lines *)self)->writer);
  g_free (self);
}

ClipmoeSink *
clipmoe_lines_open (const char *scheme, const char *path, const ClipmoeTargetOptions *options,
                    ClipmoeSinkTell tell, gpointer data, GError **error) {
  static const ClipmoeSinkClass class = {set_live,  add,   add_event, NULL,   NULL,   NULL,      NULL,
                                         set_frame, drain, cancel,    reopen, finish, get_stats, lines_free};
  if (*path && is_foreign (path)) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
        "%s: is there and holds no JSON lines, expected a new file or one of JSON lines to append to", path);
    return NULL;
  }
  ClipmoeLineWriter *writer = clipmoe_line_writer_new (*path ? path : NULL, tell, data, error);
  if (!writer)
    return NULL;
  Lines *self = g_new (Lines, 1);
  *self = (Lines){{&class, 1}, writer, options->gva, 0, 0};
  return &self->sink;
}
