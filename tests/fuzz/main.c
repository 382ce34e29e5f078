/* Replays seeds and findings, then mutates them for some seconds: the same inputs for the same number.
 *
 * usage: fuzz_TARGET SECONDS NUMBER FILE|FOLDER... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MOST_SEEDS 2000
#define MOST_BYTES (1 << 18)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static struct {
  uint8_t *data;
  size_t size;
} seeds[MOST_SEEDS];
static unsigned n_seeds;
static uint64_t state;

static uint32_t
pick (uint32_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return below ? (uint32_t)(state >> 33) % below : 0;
}

static void
add (const char *path) {
  struct stat st;
  FILE *f;
  if (stat (path, &st) == 0 && S_ISDIR (st.st_mode)) {
    struct dirent **names;
    int n = scandir (path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
      char file[4096];
      snprintf (file, sizeof file, "%s/%s", path, names[i]->d_name);
      if (names[i]->d_name[0] != '.')
        add (file);
      free (names[i]);
    }
    if (n >= 0)
      free (names);
  } else if (n_seeds < MOST_SEEDS && (f = fopen (path, "rb"))) {
    uint8_t *data = malloc (MOST_BYTES);
    seeds[n_seeds].size = data ? fread (data, 1, MOST_BYTES, f) : 0;
    seeds[n_seeds++].data = data;
    fclose (f);
  }
}

/* What files keep numbers and words for. */
static const char *const words[] = {"{",
                                    "}",
                                    "[",
                                    "]",
                                    "\"",
                                    ":",
                                    ",",
                                    "\\u0000",
                                    "1e400",
                                    "-1",
                                    "18446744073709551615",
                                    "null",
                                    "NaN",
                                    "F32",
                                    "BF16",
                                    "shape",
                                    "data_offsets",
                                    "PK\1\2",
                                    "PK\3\4",
                                    "PK\5\6",
                                    "ctorch\n",
                                    "(",
                                    "t",
                                    "R",
                                    "Q",
                                    "\xff\xfe",
                                    "\xc0\xaf",
                                    " @ ",
                                    "=",
                                    "#",
                                    "</w>",
                                    "<|endoftext|>",
                                    "\xef\xbb\xbf",
                                    "\r\n",
                                    "\x80\x02",
                                    "&amp;",
                                    "\\"};

static size_t
mutate (uint8_t *data, size_t size) {
  for (uint32_t times = 1 + pick (6); times; times--) {
    uint32_t at = pick ((uint32_t)size + 1), n = 1 + pick (16);
    uint64_t number = (uint64_t)1 << pick (64);
    number -= pick (3);
    switch (pick (9)) {
    case 0: /* a bit */
      if (at < size)
        data[at] ^= (uint8_t)(1 << pick (8));
      break;
    case 1: /* any byte */
      if (at < size)
        data[at] = (uint8_t)pick (256);
      break;
    case 2: /* a number at its limits, little-endian */
      n = 1u << pick (4);
      if (size - at >= n)
        memcpy (data + at, &number, n);
      break;
    case 3: /* less */
      if (size - at > n) {
        memmove (data + at, data + at + n, size - at - n);
        size -= n;
      }
      break;
    case 4: { /* a piece twice */
      uint32_t from = pick ((uint32_t)size + 1);
      if (size - from >= n && size + n <= MOST_BYTES) {
        uint8_t piece[16];
        memcpy (piece, data + from, n);
        memmove (data + at + n, data + at, size - at);
        memcpy (data + at, piece, n);
        size += n;
      }
      break;
    }
    case 5: { /* a word */
      const char *word = words[pick (sizeof words / sizeof *words)];
      size_t length = strlen (word);
      if (size + length <= MOST_BYTES) {
        memmove (data + at + length, data + at, size - at);
        memcpy (data + at, word, length);
        size += length;
      }
      break;
    }
    case 6: /* cut */
      if (pick (8) == 0)
        size = at;
      break;
    case 7: { /* a piece of another seed */
      uint32_t other = pick (n_seeds), from = pick ((uint32_t)seeds[other].size + 1);
      size_t length = seeds[other].size - from;
      length = length < 64 ? length : 64;
      if (size - at >= length)
        memcpy (data + at, seeds[other].data + from, length);
      break;
    }
    default: /* a digit */
      for (; at < size; at++)
        if (data[at] >= '0' && data[at] <= '9') {
          data[at] = (uint8_t)('0' + pick (10));
          break;
        }
    }
  }
  return size;
}

/* What is run is kept for the case that it is the last. */
static void
run (const uint8_t *data, size_t size) {
  const char *keep = getenv ("CLIPMOE_FUZZ_LAST");
  FILE *last = keep ? fopen (keep, "wb") : NULL;
  if (last) {
    fwrite (data, 1, size, last);
    fclose (last);
  }
  LLVMFuzzerTestOneInput (data, size);
}

int
main (int argc, char **argv) {
  if (argc < 4)
    return 2;
  for (int i = 3; i < argc; i++)
    add (argv[i]);
  if (!n_seeds) {
    printf ("no seeds\n");
    return 1;
  }
  for (unsigned i = 0; i < n_seeds; i++)
    run (seeds[i].data, seeds[i].size);
  state = (uint64_t)atol (argv[2]);
  unsigned long runs = 0, seconds = (unsigned long)atol (argv[1]);
  struct timespec begin, now;
  clock_gettime (CLOCK_MONOTONIC, &begin);
  do {
    uint8_t *work = malloc (MOST_BYTES + 64); /* afresh, so that a step too far is seen */
    uint32_t seed = pick (n_seeds);
    if (!work)
      return 1;
    memcpy (work, seeds[seed].data, seeds[seed].size);
    size_t size = mutate (work, seeds[seed].size);
    uint8_t *exact = malloc (size ? size : 1);
    memcpy (exact, work, size);
    free (work);
    run (exact, size);
    free (exact);
    runs++;
    clock_gettime (CLOCK_MONOTONIC, &now);
  } while ((unsigned long)(now.tv_sec - begin.tv_sec) < seconds);
  for (unsigned i = 0; i < n_seeds; i++)
    free (seeds[i].data);
  printf ("%u seeds, %lu mutations\n", n_seeds, runs);
  return 0;
}
