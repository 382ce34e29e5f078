/* Checks that an encoder runs no more threads than affinity and cgroup quota allow, whatever is asked for,
 * and says how many it runs. */
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include "../encoder/golden.h"
#include "kernels/cpus.h"
#include "kernels/pool.h"

static char *top;

static void
put (const char *name, const char *text) {
  char *path = g_build_filename (top, name, NULL), *folder = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_free (folder);
  g_free (path);
}

static void
clear (const char *path) {
  GDir *folder = g_dir_open (path, 0, NULL);
  for (const char *name; folder && (name = g_dir_read_name (folder));) {
    char *inner = g_build_filename (path, name, NULL);
    clear (inner);
    g_free (inner);
  }
  if (folder)
    g_dir_close (folder);
  g_remove (path);
}

#define V2_MOUNT "30 1 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
#define V1_MOUNT                                                                                             \
  "31 1 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"                                                \
  "32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"                                        \
  "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"

typedef struct {
  const char *what, *mounts, *own;
  struct {
    const char *name, *text;
  } files[5];
  guint expected;
} Tree;

static const Tree trees[] = {
    {"nothing", NULL, NULL, {{NULL, NULL}}, 0},
    {"v2, no limit", V2_MOUNT, "0::/a\n", {{"sys/fs/cgroup/a/cpu.max", "max 100000\n"}}, 0},
    {"v2, own",
     V2_MOUNT,
     "0::/user.slice/x.scope\n",
     {{"sys/fs/cgroup/user.slice/x.scope/cpu.max", "200000 100000\n"}},
     2},
    {"v2, rounded up", V2_MOUNT, "0::/a\n", {{"sys/fs/cgroup/a/cpu.max", "250001 100000\n"}}, 3},
    {"v2, less than one", V2_MOUNT, "0::/a\n", {{"sys/fs/cgroup/a/cpu.max", "1000 100000\n"}}, 1},
    {"v2, above",
     V2_MOUNT,
     "0::/a/b/c\n",
     {{"sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n"},
      {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
      {"sys/fs/cgroup/a/cpu.max", "300000 100000\n"}},
     3},
    {"v2, the root of a container", V2_MOUNT, "0::/\n", {{"sys/fs/cgroup/cpu.max", "400000 100000\n"}}, 4},
    {"v2, not ours", V2_MOUNT, "0::/a\n", {{"sys/fs/cgroup/b/cpu.max", "100000 100000\n"}}, 0},
    {"v2, above the namespace", V2_MOUNT, "0::/../x\n", {{"sys/fs/cgroup/cpu.max", "500000 100000\n"}}, 5},
    {"v2, a name with spaces",
     "30 1 0:27 / /sys/fs/c\\040g rw - cgroup2 none rw\n",
     "0::/a b\n",
     {{"sys/fs/c g/a b/cpu.max", "200000 100000\n"}},
     2},
    {"v2, rubbish", V2_MOUNT, "0::/a\n", {{"sys/fs/cgroup/a/cpu.max", "-5 0\n"}}, 0},
    {"v1, own",
     V1_MOUNT,
     "4:cpuset:/\n3:cpu,cpuacct:/docker/f00\n",
     {{"sys/fs/cgroup/cpu,cpuacct/docker/f00/cpu.cfs_quota_us", "150000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/docker/f00/cpu.cfs_period_us", "50000\n"}},
     3},
    {"v1, no limit",
     V1_MOUNT,
     "3:cpu,cpuacct:/a\n",
     {{"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
     0},
    {"v1, above",
     V1_MOUNT,
     "3:cpu,cpuacct:/a/b\n",
     {{"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
     2},
    {"v1, a part of the tree mounted",
     "33 31 0:30 /docker/f00 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
     "3:cpu:/docker/f00/inner\n",
     {{"sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "700000\n"},
      {"sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "600000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     6},
    {"both, the smaller",
     V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
     "3:cpu,cpuacct:/a\n0::/a\n",
     {{"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "500000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
      {"sys/fs/cgroup/unified/a/cpu.max", "200000 100000\n"}},
     2},
};

static void
test_quota (void) {
  for (guint i = 0; i < G_N_ELEMENTS (trees); i++) {
    const Tree *t = &trees[i];
    top = g_dir_make_tmp ("clipmoe-cpus-XXXXXX", NULL);
    g_assert_nonnull (top);
    if (t->mounts)
      put ("proc/self/mountinfo", t->mounts);
    if (t->own)
      put ("proc/self/cgroup", t->own);
    for (guint f = 0; f < G_N_ELEMENTS (t->files) && t->files[f].name; f++)
      put (t->files[f].name, t->files[f].text);
    guint got = cm_cpus_quota (top);
    if (got != t->expected)
      g_error ("%s: %u processors, expected %u", t->what, got, t->expected);
    clear (top);
    g_free (top);
  }
}

static guint
threads_of (ClipmoeModel *model, guint asked) {
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .threads = asked};
  ClipmoeEncoder *e = golden_encoder (model, NULL, &how);
  guint n = clipmoe_encoder_get_threads (e);
  clipmoe_encoder_free (e);
  return n;
}

static void
test_encoder (void) {
  if (golden_missing ()) {
    g_test_skip ("no tiny models");
    return;
  }
  ClipmoeModel *model = golden_model ("dense77");
  cpu_set_t whole, one;
  g_assert_cmpint (sched_getaffinity (0, sizeof whole, &whole), ==, 0);
  guint all = cm_cpus_allowed ();
  g_assert_cmpuint (all, >=, 1);
  g_assert_cmpuint (all, <=, (guint)CPU_COUNT (&whole));
  all = MIN (all, CM_POOL_MAX);
  g_assert_cmpuint (threads_of (model, 0), ==, all);
  g_assert_cmpuint (threads_of (model, 1), ==, 1);
  g_assert_cmpuint (threads_of (model, all + 7), ==, all);
  CPU_ZERO (&one);
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &whole)) {
      CPU_SET (i, &one);
      break;
    }
  g_assert_cmpint (sched_setaffinity (0, sizeof one, &one), ==, 0);
  g_assert_cmpuint (cm_cpus_allowed (), ==, 1);
  g_assert_cmpuint (threads_of (model, 0), ==, 1);
  g_assert_cmpuint (threads_of (model, 3), ==, 1);
  g_assert_cmpint (sched_setaffinity (0, sizeof whole, &whole), ==, 0);
  g_assert_cmpuint (threads_of (model, 0), ==, all);
  clipmoe_model_unref (model);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/processors/quota", test_quota);
  g_test_add_func ("/processors/encoder", test_encoder);
  return g_test_run ();
}
