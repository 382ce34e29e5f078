/* How many processors this process may use. */
#ifndef CLIPMOE_CPUS_H
#define CLIPMOE_CPUS_H

/* The processors in the calling thread's affinity mask, at most the cgroup's quota (v1 and v2); at least 1.
 */
unsigned cm_cpus_allowed (void);

/* The quota alone, in whole processors rounded up: the smallest of the process's cgroup and its ancestors;
 * 0 = none. @root is prepended to "/proc" and to the mount points found there; "" except in tests. */
unsigned cm_cpus_quota (const char *root);

#endif
