/* Label vectors from what the properties say; while playing a helper thread makes them, so that the stream
 * goes on with the old ones. */
#ifndef CLIPMOE_TAG_LABELS_H
#define CLIPMOE_TAG_LABELS_H

#include <clipmoe/clipmoe.h>

/* The properties' texts; NULL = unset; and what else labels are made of. */
typedef struct {
  char *labels, *labels_file, *templates, *negatives;
  gboolean may_be_empty;
  ClipmoeGeometry geometry; /* of frames, and so of the pictures that show labels */
} TagTexts;

void tag_texts_copy (TagTexts *to, const TagTexts *from);
void tag_texts_clear (TagTexts *texts);

typedef struct _TagLabelMaker TagLabelMaker;

TagLabelMaker *tag_label_maker_new (ClipmoeEngine *engine);
/* Reads and encodes in the caller's thread, before anything is requested. NULL: @error is set. */
ClipmoeLabels *tag_label_maker_make (TagLabelMaker *self, const TagTexts *texts, GError **error);
/* Starts at once, and only on the newest request: one that is still waiting is forgotten. */
void tag_label_maker_request (TagLabelMaker *self, const TagTexts *texts);
/* The words that were made last once more, for the engine runs in another precision. Their files are not read
 * again: they may say something else by now, which nobody has asked for; vectors of pictures stay as they
 * are.
 */
void tag_label_maker_repeat (TagLabelMaker *self);
/* What was finished since: labels (transfer full), or NULL with @error set or not. Never waits. */
ClipmoeLabels *tag_label_maker_take (TagLabelMaker *self, GError **error);
/* Does not wait for a helper that is at work; what it makes is thrown away. */
void tag_label_maker_free (TagLabelMaker *self);

#endif
