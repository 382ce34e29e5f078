/* Comma-separated values for spreadsheets and scripts: RFC 4180, a header line, times in seconds. */
#ifndef CLIPMOE_CSV_H
#define CLIPMOE_CSV_H

#include "../spans.h"

typedef enum {
  CLIPMOE_CSV_INTERVALS, /* source,start,end,label,peak,peak_time,mean */
  CLIPMOE_CSV_HITS,      /* file,start,end,label,time,score,cosine,distance,stands_out,at */
} ClipmoeCsvColumns;

/* The header line. */
const char *clipmoe_csv_header (ClipmoeCsvColumns columns);
/* One line a span, in the order given. File names and labels stand there byte for byte. Of hits, what is not
 * known is an empty field. */
void clipmoe_write_csv (GString *out, const ClipmoeSpan *spans, guint n, ClipmoeCsvColumns columns);

#endif
