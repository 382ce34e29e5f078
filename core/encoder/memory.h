/* Large memory straight from the system. */
#ifndef CLIPMOE_MEMORY_H
#define CLIPMOE_MEMORY_H

#include <glib.h>

/* Zeros, in pages of 2 MiB where the system gives them; NULL: no memory. Free with munmap(). */
gpointer clipmoe_pages (gsize bytes);

#endif
