#include "cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 4096

/* A cgroup hierarchy: where it is mounted, which part of it (its root), and the cgroup of this process in
 * it. */
typedef struct {
  char mount[PATH], root[PATH], own[PATH];
} Hierarchy;

/* Whether @word is one of the comma-separated @list. */
static int
listed (const char *list, const char *word) {
  size_t n = strlen (word);
  for (const char *at = list; at; at = strchr (at, ','), at = at ? at + 1 : NULL)
    if (strncmp (at, word, n) == 0 && (at[n] == ',' || at[n] == 0))
      return 1;
  return 0;
}

/* mountinfo writes space, tab, newline and backslash as \ and three octal digits. */
static void
unescape (char *s) {
  char *to = s;
  for (; *s; s++)
    if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
        s[3] <= '7') {
      *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
      s += 3;
    } else {
      *to++ = *s;
    }
  *to = 0;
}

/* Fills h->mount and h->root if it returns 1. A line of mountinfo: id parent major:minor root mount options …
 * - type source super */
static int
find_mount (const char *root, int v2, Hierarchy *h) {
  char name[PATH], *line = NULL;
  size_t room = 0;
  int found = 0;
  snprintf (name, sizeof name, "%s/proc/self/mountinfo", root);
  FILE *f = fopen (name, "re");
  while (f && !found && getline (&line, &room, f) > 0) {
    char type[64], super[PATH];
    const char *tail = strstr (line, " - ");
    if (!tail || sscanf (tail, " - %63s %*s %4095s", type, super) != 2 ||
        sscanf (line, "%*s %*s %*s %4095s %4095s", h->root, h->mount) != 2)
      continue;
    found = v2 ? strcmp (type, "cgroup2") == 0 : strcmp (type, "cgroup") == 0 && listed (super, "cpu");
  }
  free (line);
  if (f)
    fclose (f);
  if (found) {
    unescape (h->root);
    unescape (h->mount);
  }
  return found;
}

/* Fills h->own from a line number:controllers:path; version 2 has no controllers. */
static int
find_own (const char *root, int v2, Hierarchy *h) {
  char name[PATH], *line = NULL;
  size_t room = 0;
  int found = 0;
  snprintf (name, sizeof name, "%s/proc/self/cgroup", root);
  FILE *f = fopen (name, "re");
  while (f && !found && getline (&line, &room, f) > 0) {
    char *controllers = strchr (line, ':'), *path = controllers ? strchr (controllers + 1, ':') : NULL;
    if (!path)
      continue;
    *path++ = 0;
    path[strcspn (path, "\n")] = 0;
    controllers++;
    if (v2 ? *controllers == 0 : listed (controllers, "cpu")) {
      snprintf (h->own, sizeof h->own, "%s", path);
      found = 1;
    }
  }
  free (line);
  if (f)
    fclose (f);
  return found;
}

/* The quota of one cgroup folder in processors; 0 = none. */
static unsigned
read_limit (const char *folder, int v2) {
  char name[3 * PATH + 32];
  long quota = 0, period = 0;
  snprintf (name, sizeof name, "%s/%s", folder, v2 ? "cpu.max" : "cpu.cfs_quota_us");
  FILE *f = fopen (name, "re");
  if (!f)
    return 0;
  int n = fscanf (f, v2 ? "%ld %ld" : "%ld", &quota, &period); /* "max 100000", -1: no limit */
  fclose (f);
  if (!v2 && n == 1) {
    snprintf (name, sizeof name, "%s/cpu.cfs_period_us", folder);
    if (!(f = fopen (name, "re")))
      return 0;
    n += fscanf (f, "%ld", &period);
    fclose (f);
  }
  if (n != 2 || quota <= 0 || period <= 0)
    return 0;
  long whole = quota / period + (quota % period != 0);
  return whole > 65536 ? 65536 : (unsigned)whole;
}

/* The smallest limit between the process's own cgroup and the mount point. */
static unsigned
hierarchy (const char *root, int v2) {
  Hierarchy h;
  char path[3 * PATH];
  unsigned least = 0;
  if (!find_mount (root, v2, &h) || !find_own (root, v2, &h))
    return 0;
  /* A container sees its part of the tree mounted, but may be told the whole path. */
  size_t part = strcmp (h.root, "/") == 0 ? 0 : strlen (h.root);
  const char *own = h.own;
  if (strncmp (own, h.root, part) == 0 && (own[part] == '/' || own[part] == 0))
    own += part;
  else
    own = "";
  if (strstr (own, "/..")) /* above what this namespace shows */
    own = "";
  size_t top = (size_t)snprintf (path, sizeof path, "%s%s", root, h.mount);
  if (top + strlen (own) >= sizeof path)
    return 0;
  strcpy (path + top, own);
  for (;;) {
    unsigned limit = read_limit (path, v2);
    if (limit && (!least || limit < least))
      least = limit;
    char *slash = strrchr (path + top, '/');
    if (!slash)
      return least;
    *slash = 0;
  }
}

unsigned
cm_cpus_quota (const char *root) {
  unsigned v1 = hierarchy (root, 0), v2 = hierarchy (root, 1);
  return !v1 ? v2 : !v2 || v1 < v2 ? v1 : v2;
}

unsigned
cm_cpus_allowed (void) {
  unsigned n = 1, quota = cm_cpus_quota ("");
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) { /* the kernel refuses a mask smaller than its own */
    cpu_set_t *set = CPU_ALLOC (cpus);
    size_t size = CPU_ALLOC_SIZE (cpus);
    int ok = set && sched_getaffinity (0, size, set) == 0;
    if (ok)
      n = (unsigned)CPU_COUNT_S (size, set);
    CPU_FREE (set);
    if (ok || !set)
      break;
  }
  if (quota && quota < n)
    n = quota;
  return n ? n : 1;
}
