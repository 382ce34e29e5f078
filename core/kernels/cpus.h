/* How many processors this process may use. */
#ifndef CLIPMOE_CPUS_H
#define CLIPMOE_CPUS_H

/* The calling thread's affinity mask cut by the cgroup's quota (v1 and v2), at least 1. */
unsigned cm_cpus_allowed (void);

/* The quota alone, in whole processors rounded up: the smallest of the process's cgroup and of all above it.
 * 0 = none. @root stands before "/proc" and before the mount points that it names; "" but in tests. */
unsigned cm_cpus_quota (const char *root);

#endif
