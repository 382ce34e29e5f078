#include "filesystem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What clipmoe_filesystem_network() is asked about; local file systems that FUSE runs are not among them. */
static const char *const network[] = {
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "fuse.cephfs",
    "fuse.davfs",
    "davfs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.goofys",
    "fuse.grpcfuse",
    "fuse.juicefs",
    "fuse.mfs",
    "fuse.moosefs",
    "fuse.osxfs",
    "fuse.portal",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.seaweedfs",
    "fuse.smbnetfs",
    "fuse.sshfs",
    "fuse.vmhgfs-fuse",
    "gfs2",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "smb3",
    "smbfs",
    "vboxsf",
    "vmhgfs",
};

static gboolean
is_network (const char *type) {
  for (guint i = 0; i < G_N_ELEMENTS (network); i++)
    if (strcmp (type, network[i]) == 0)
      return TRUE;
  return FALSE;
}

char *
clipmoe_filesystem_network_by (const char *mounts, guint major, guint minor) {
  char *found = NULL;
  char **lines = g_strsplit (mounts, "\n", -1);
  for (guint i = 0; lines[i] && !found; i++) {
    /* ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [FIELD …] - TYPE SOURCE OPTIONS; blanks in names are escaped
     */
    guint a, b;
    const char *end = strstr (lines[i], " - ");
    if (!end || sscanf (lines[i], "%*d %*d %u:%u", &a, &b) != 2 || a != major || b != minor)
      continue;
    char *type = g_strndup (end + 3, strcspn (end + 3, " "));
    if (is_network (type))
      found = g_steal_pointer (&type);
    g_free (type);
  }
  g_strfreev (lines);
  return found;
}

char *
clipmoe_filesystem_network (const char *path) {
  struct stat st;
  char *mounts = NULL, *type = NULL;
  if (stat (path, &st) == 0 && g_file_get_contents ("/proc/self/mountinfo", &mounts, NULL, NULL))
    type = clipmoe_filesystem_network_by (mounts, major (st.st_dev), minor (st.st_dev));
  g_free (mounts);
  return type;
}
