#include "tagtrouble.h"

#define FIRST_ONES 10
#define QUIET (60 * G_TIME_SPAN_SECOND)

void
tag_trouble_new_caps (TagTrouble *self) {
  self->of[TAG_TROUBLE_FRAME].failed = 0;
  self->of[TAG_TROUBLE_FRAME].went_well = FALSE;
}

void
tag_trouble_went_well (TagTrouble *self, TagTroubleKind kind) {
  self->of[kind].went_well = TRUE;
}

gboolean
tag_trouble_only (const TagTrouble *self) {
  for (guint i = 0; i < TAG_N_TROUBLES; i++)
    if (self->of[i].failed && !self->of[i].went_well)
      return TRUE;
  return FALSE;
}

TagTroubleAnswer
tag_trouble_failed (TagTrouble *self, TagTroubleKind kind, gint64 now) {
  if (!self->of[kind].went_well && ++self->of[kind].failed >= FIRST_ONES)
    return TAG_TROUBLE_GIVE_UP;
  if (self->told && now - self->told < QUIET)
    return TAG_TROUBLE_QUIET;
  self->told = now;
  return TAG_TROUBLE_WARN;
}
