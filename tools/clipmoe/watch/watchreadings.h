/* The figures that the elements of a pipeline have in their property `stats`, summed up over the pipelines of
 * one camera. One caller at a time. */
#ifndef CLIPMOE_WATCH_READINGS_H
#define CLIPMOE_WATCH_READINGS_H

#include <gst/gst.h>

/* A row of the table: what it is called in Prometheus, and where it comes from. */
typedef struct {
  const char *family, *labels;
  const char *element, *field;
  gboolean gauge;
  double scale;
} WatchFigure;

#define WATCH_FIGURES 20
/* Rows of a family stand side by side. */
extern const WatchFigure watch_figures[WATCH_FIGURES];

typedef struct {
  const WatchFigure *figure;
  char *sink; /* which of the publishers: "file", "file-2", …; NULL of other elements */
  double before, now;
} WatchReading;

typedef struct {
  GArray *all;                    /* WatchReading */
  char *tier, *precision, *model; /* (nullable): of the tagger */
} WatchReadings;

void watch_readings_init (WatchReadings *self);
void watch_readings_clear (WatchReadings *self);
void watch_readings_update (WatchReadings *self, GstElement *pipeline);
/* The next pipeline counts from zero. */
void watch_readings_end (WatchReadings *self);

#endif
