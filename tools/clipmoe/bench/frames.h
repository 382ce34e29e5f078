/* How long frames of the usual formats and sizes take to become the square that a model looks at. */
#ifndef CLIPMOE_BENCH_FRAMES_H
#define CLIPMOE_BENCH_FRAMES_H

#include <clipmoe/clipmoe.h>
#include "measure.h"

typedef struct {
  const char *format; /* as GStreamer names it */
  guint width, height;
  ClipmoeTimes times;
} ClipmoeFrameTimes;

/* Of a model with @info, on one thread, sizes in rising order, formats side by side; (element-type
 * ClipmoeFrameTimes), NULL with @error. */
GArray *clipmoe_bench_frames (const ClipmoeModelInfo *info, GError **error);

#endif
