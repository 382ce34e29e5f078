/* --clips: each hit as a file of its own. */
#ifndef CLIPMOE_SEARCH_CLIPS_H
#define CLIPMOE_SEARCH_CLIPS_H

#include <search.h>

/* Before the search: @folder is there and can be written in; it is made where its parent is there. FALSE with
 * @error. */
gboolean clipmoe_search_clips_check (const char *folder, GError **error);
/* Cuts every hit of a video out, and copies every picture. Names begin with the rank; none that is there is
 * replaced. What cannot be cut is said, and the others go on. Returns 0, or 1: not all could be. */
int clipmoe_search_clips_write (const char *folder, gboolean exact, const ClipmoeAnswer *answer,
                                ClipmoeStore *store);

#endif
