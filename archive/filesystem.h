/* Whether a folder lies on a network file system, where SQLite's write-ahead log and its shared memory do not
 * work: processes on two machines would damage the database. */
#ifndef CLIPMOE_ARCHIVE_FILESYSTEM_H
#define CLIPMOE_ARCHIVE_FILESYSTEM_H

#include <glib.h>

/* (transfer full) (nullable): the type ("nfs4", "cifs", "fuse.sshfs", …) of the network file system that has
 * @path; NULL: it is none, or that is not known. */
char *clipmoe_filesystem_network (const char *path);
/* The same for the device @major:@minor by @mounts, which has the form of /proc/self/mountinfo. */
char *clipmoe_filesystem_network_by (const char *mounts, guint major, guint minor);

#endif
