/* Why a camera gave no pictures, in a sentence for people, and whether it is there at all. */
#ifndef CLIPMOE_SRC_WHY_H
#define CLIPMOE_SRC_WHY_H

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN (clipmoe_src_debug); /* of all parts of clipmoesrc, whose class initialises it */

/* Of an error message (transfer full), without login. @unreachable: nobody answered. */
char *src_why (GstMessage *message, gboolean *unreachable);

#endif
