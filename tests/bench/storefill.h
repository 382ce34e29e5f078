/* An archive of made-up moments: what benches of stores measure. */
#ifndef BENCH_STOREFILL_H
#define BENCH_STOREFILL_H

#include <base/random.h>
#include <store.h>

#define BENCH_EMBED 512

/* A unit vector [BENCH_EMBED]. */
typedef void (*BenchVector) (ClipmoeRandom *r, float *out);
/* Adds @moments, a thousand a file, which is half an hour of video, without thumbnails, and prints how fast
 * that was. An error ends the program. */
void bench_fill (const char *where, guint64 moments, BenchVector make);

#endif
