/* Progress of a command that takes long, on stderr. */
#ifndef DMU_PROGRESS_H
#define DMU_PROGRESS_H

#include <glib.h>

/* Prints the line if it is time for one again since *told (microseconds, monotonic; updated), or if it is the
 * @last: on a terminal every 0.2 s over the former line, else every 30 s. */
void dmu_progress (gint64 *told, gboolean last, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Clears an unfinished line on a terminal. */
void dmu_progress_clear (void);

#endif
