/* Checks the steady state: once warm, encoding pictures and tokens, preprocessing frames of a size seen
 * before and scoring labels neither allocate nor make system calls, except those by which threads of the
 * pool wait for one another (futex, sched_yield); with one thread, none at all. An allocation now and then
 * would delay a frame now and then, which no other test sees. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clipmoe/labels.h"
#include "../base/allocations.h"
#include "golden.h"
#include "../slow.h"
#include "encoder/testing.h"

#ifndef ALLOCATIONS_HIDDEN

#define ROUNDS 3

/* What a case's process leaves behind, in memory that this one sees. */
static struct {
  gulong allocations, releases;
  gint calls, number; /* of the first system call that was none of those allowed; calls 0: there was none */
  gint deaf;          /* errno: the system lets nobody watch */
} * report;

static void
caught (int signal, siginfo_t *info, void *context) {
  report->calls = 1;
  report->number = info->si_syscall;
  syscall (SYS_exit_group, 1);
}

#define ALLOW(CALL)                                                                                          \
  BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_##CALL, 0, 1), BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From here on this process and its threads are stopped at a system call that is not allowed. */
static void
watch (gboolean threads) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  struct sock_filter alone[] =
      {
          BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
          ALLOW (exit_group),
          BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      },
                     pool[] = {
                         BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
                         ALLOW (exit_group),
                         ALLOW (futex),
                         ALLOW (sched_yield),
                         ALLOW (restart_syscall),
                         ALLOW (clock_gettime), /* where the system's clock cannot be read without it */
                         BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                     };
  struct sock_fprog program = {G_N_ELEMENTS (alone), alone};
  if (threads)
    program = (struct sock_fprog){G_N_ELEMENTS (pool), pool};
  sigaction (SIGSYS, &action, NULL);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
    report->deaf = errno;
}

/* Until threads that begin or end do so no more: after the first answer one writes packed weights aside,
 * once, and those of the pool come to sleep. */
static void
settle (guint threads) {
  guint moving = 1;
  alarm (slow_seconds (60));
  clipmoe_cache_wait ();
  while (moving) {
    GDir *tasks = g_dir_open ("/proc/self/task", 0, NULL);
    const char *id;
    guint n = 0;
    for (moving = 0; tasks && (id = g_dir_read_name (tasks)); n++) {
      char *path = g_build_filename ("/proc/self/task", id, "stat", NULL), *stat = NULL;
      if (atoi (id) != getpid () &&
          (!g_file_get_contents (path, &stat, NULL, NULL) || !strstr (stat, ") S ")))
        moving++;
      g_free (stat);
      g_free (path);
    }
    g_clear_pointer (&tasks, g_dir_close);
    moving += n > threads;
    if (moving)
      g_usleep (1000);
  }
}

/* Runs @work in a process of its own: once to warm up, then watched. Returns whether it kept still. */
static gboolean
check (const char *what, guint threads, void (*work) (gpointer data), gpointer data) {
  int status = 0;
  memset (report, 0, sizeof *report);
  pid_t child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0) {
    work (data);
    settle (threads);
    work (data);
    watch (threads > 1);
    gulong before = allocations, freed = releases;
    for (guint i = 0; i < ROUNDS; i++)
      work (data);
    report->allocations = allocations - before;
    report->releases = releases - freed;
    syscall (SYS_exit_group, 0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (report->calls)
    printf ("%s: system call %d, expected none%s\n", what, report->number,
            threads > 1 ? " but the pool's" : "");
  else if (!WIFEXITED (status) || WEXITSTATUS (status))
    printf ("%s: ended with status %d\n", what, status);
  if (report->allocations || report->releases)
    printf ("%s: %lu allocations, %lu releases in %d rounds, expected none\n", what, report->allocations,
            report->releases, ROUNDS);
  return status == 0 && !report->allocations && !report->releases;
}

#define PICTURES 8
#define TEXTS 100
#define SIDE 64 /* of the square that frames are made into */

typedef struct {
  const char *model, *precision;
  guint threads, batch;
  /* made when the work is done for the first time */
  ClipmoeEncoder *encoder;
  ClipmoeLabels *labels;
  guint n, lengths[TEXTS], *order;
  guint32 *ids;
  float *pixels, *out, *cosines, *smoothed;
  double *scores;
} Work;

static void
prepare (Work *w) {
  ClipmoeTensors *inputs = golden_read ("inputs");
  ClipmoeModel *model = golden_model (w->model);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .batch = w->batch, .threads = 1};
  how.precision = g_str_equal (w->precision, "int8")   ? CLIPMOE_PRECISION_INT8
                  : g_str_equal (w->precision, "half") ? CLIPMOE_PRECISION_HALF
                                                       : CLIPMOE_PRECISION_F32;
  gsize square = 3 * (gsize)info->image_size * info->image_size;
  w->encoder = golden_encoder (model, NULL, &how);
  clipmoe_encoder_set_threads (w->encoder, w->threads);
  guint lengths[16], m;
  guint32 *ids = golden_tokens (inputs, info->context, lengths, &m);
  w->ids = g_new (guint32, TEXTS * info->context);
  for (guint i = 0; i < TEXTS; i++) {
    memcpy (w->ids + i * info->context, ids + i % m * info->context, info->context * sizeof *ids);
    w->lengths[i] = info->context;
  }
  float *some = golden_floats (inputs, "pixels");
  w->n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0];
  w->pixels = g_new (float, square *PICTURES);
  for (guint i = 0; i < PICTURES; i++)
    memcpy (w->pixels + i * square, some + i % w->n * square, square * sizeof (float));
  w->out = g_new (float, TEXTS * info->embed);
}

static void
encode (gpointer data) {
  Work *w = data;
  if (!w->encoder)
    prepare (w);
  g_assert_true (clipmoe_encoder_encode_pixels (w->encoder, w->pixels, 1, w->out, NULL));
  g_assert_true (clipmoe_encoder_encode_pixels (w->encoder, w->pixels, PICTURES, w->out, NULL));
  g_assert_true (clipmoe_encoder_encode_tokens (w->encoder, w->ids, w->lengths, TEXTS, w->out, NULL));
}

static void
score (gpointer data) {
  Work *w = data;
  if (!w->labels) {
    GPtrArray *list = clipmoe_label_list_parse ("a,b,c,d", NULL);
    prepare (w);
    w->labels = clipmoe_labels_new (w->encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
    g_assert_nonnull (w->labels);
    w->cosines = g_new (float, clipmoe_labels_get_n_rows (w->labels));
    w->smoothed = g_new0 (float, clipmoe_labels_get_n_rows (w->labels));
    w->scores = g_new (double, list->len);
    w->order = g_new (guint, list->len);
    g_assert_true (clipmoe_encoder_encode_pixels (w->encoder, w->pixels, 1, w->out, NULL));
  }
  clipmoe_scorer_cosines (w->labels, w->out, w->cosines);
  clipmoe_scorer_smooth (w->smoothed, w->cosines, clipmoe_labels_get_n_rows (w->labels), 0.1, 1);
  for (ClipmoeScore kind = CLIPMOE_SCORE_SOFTMAX; kind <= CLIPMOE_SCORE_COSINE; kind++) {
    clipmoe_scorer_scores (w->labels, kind, w->smoothed, w->scores);
    clipmoe_scorer_top (w->labels, kind, w->scores, NAN, 3, w->order);
  }
}

typedef struct {
  ClipmoeImage image;
  ClipmoePreprocessor *preprocessor;
  float *out;
} Frame;

/* Frames of one size come one after the other; planes are large enough for any format. */
static void
preprocess (gpointer data) {
  static const float mean[3] = {0.5f, 0.5f, 0.5f};
  Frame *f = data;
  if (!f->preprocessor) {
    guint8 *bytes = g_malloc (200 * 160 * 8);
    for (guint i = 0; i < 200 * 160 * 8; i++)
      bytes[i] = (guint8)(i * 7 ^ i >> 5);
    f->image.struct_size = sizeof f->image;
    f->image.width = 200;
    f->image.height = 160;
    for (guint i = 0; i < 3; i++) {
      f->image.planes[i] = bytes;
      f->image.strides[i] = 200 * 8;
    }
    f->preprocessor = clipmoe_preprocessor_new (SIDE, mean, mean);
    f->out = g_new (float, 3 * SIDE * SIDE);
  }
  for (guint i = 0; i < 2; i++)
    g_assert_true (clipmoe_preprocessor_run (f->preprocessor, &f->image, CLIPMOE_GEOMETRY_CROP,
                                             CLIPMOE_ORIENTATION_90R, f->out, NULL));
}

/* The test itself is deaf to nothing: what allocates or asks the system is caught. */
static void
offend (gpointer data) {
  if (*(int *)data == 0)
    g_free (g_malloc (100));
  else
    munmap (mmap (NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}

static gboolean
has (const char *precision) {
  const ClipmoeKernels *k = cm_kernels_get (g_getenv ("CLIPMOE_CPU"), NULL);
  return g_str_equal (precision, "f32") ||
         (g_str_equal (precision, "half") ? k->half != NULL : k->int8 != NULL);
}

int
main (void) {
  static const char *const precisions[] = {"f32", "half", "int8"}, *const models[] = {"dense77", "moe-e4k2"};
  guint passed = 0, failed = 0, skipped = 0;
  report = mmap (NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (report != MAP_FAILED);
  setvbuf (stdout, NULL, _IONBF, 0); /* a child must not print what this one has in its buffer */
  if (golden_missing ())
    return 77;

  puts ("# two that must be caught:");
  int heap = 0, system = 1;
  gboolean deaf;
  *(check ("the heap", 1, offend, &heap) ? &failed : &passed) += 1;
  gboolean quiet = check ("the system", 1, offend, &system);
  if ((deaf = report->deaf != 0)) {
    printf ("no system calls are counted: seccomp: %s\n", g_strerror (report->deaf));
    skipped++;
  } else {
    *(quiet ? &failed : &passed) += 1;
  }
  puts ("# and none of these:");
  for (guint m = 0; m < G_N_ELEMENTS (models); m++)
    for (guint p = 0; p < G_N_ELEMENTS (precisions); p++)
      for (guint threads = 1; threads <= 2; threads++)
        for (guint batch = 1; batch <= PICTURES; batch += PICTURES - 1) {
          Work work = {.model = models[m], .precision = precisions[p], .threads = threads, .batch = batch};
          char *what =
              g_strdup_printf ("%s, %s, batch %u, threads %u", models[m], precisions[p], batch, threads);
          if (has (precisions[p]))
            *(check (what, threads, encode, &work) ? &passed : &failed) += 1;
          else
            skipped++;
          g_free (what);
        }
  for (guint format = 0; format < CLIPMOE_N_FORMATS; format++) {
    Frame frame = {.image.format = format};
    char *what = g_strdup_printf ("a frame of format %u", format);
    *(check (what, 1, preprocess, &frame) ? &passed : &failed) += 1;
    g_free (what);
  }
  Work work = {.model = "dense77", .precision = "f32", .threads = 1, .batch = 1};
  *(check ("scores", 1, score, &work) ? &passed : &failed) += 1;
  printf ("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
  return failed ? 1 : deaf ? 77 : 0;
}

#else
int
main (void) {
  puts ("skipped: " ALLOCATIONS_HIDDEN);
  return 77;
}
#endif
