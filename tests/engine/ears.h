/* Mailboxes whose callback the test hears. */
#ifndef EARS_H
#define EARS_H

#include "machine.h"

static inline float
extra (ClipmoeRequest *request) {
  float value;
  memcpy (&value, request->extra, sizeof value);
  return value;
}

/* What a callback heard. */
typedef struct {
  ClipmoeMailbox *box;
  float heard[64];
  gint n, errors; /* atomic */
  gint inside;    /* atomic: a callback runs */
  gulong takes;   /* µs that it takes */
  guint more;     /* requests that it hands over itself */
  void (*deed) (ClipmoeMailbox *box);
  gboolean clear;
} Ear;

static inline void hand_over (ClipmoeMailbox *box, float value, gboolean *replaced);

static inline void
hear (gpointer data, ClipmoeRequest *request, const float *embedding, gint64 microseconds,
      const GError *error) {
  Ear *ear = data;
  g_atomic_int_set (&ear->inside, TRUE);
  g_assert_true ((embedding == NULL) == (error != NULL));
  g_assert_cmpint (microseconds, >=, 0);
  if (error)
    g_atomic_int_inc (&ear->errors);
  else
    g_assert_cmpfloat (embedding[0], ==, extra (request));
  if (ear->takes)
    g_usleep (ear->takes);
  ear->heard[ear->n % 64] = extra (request);
  if (ear->more) {
    ear->more--;
    hand_over (ear->box, extra (request) + 1, NULL);
  }
  if (ear->deed)
    ear->deed (ear->box);
  g_atomic_int_set (&ear->inside, FALSE);
  g_atomic_int_inc (&ear->n);
}

static gint cleared; /* atomic: of the one mailbox that counts it */

static inline void
clear (gpointer extra_bytes) {
  g_atomic_int_inc (&cleared);
}

static inline ClipmoeMailbox *
open_box (ClipmoeScheduler *scheduler, Ear *ear) {
  ClipmoeMailbox *box = clipmoe_mailbox_new_at (
      scheduler, FLOATS, sizeof (float), ear && ear->clear ? clear : NULL, ear ? hear : NULL, ear, NULL);
  if (ear)
    ear->box = box;
  return box;
}

static inline void
hand_over (ClipmoeMailbox *box, float value, gboolean *replaced) {
  ClipmoeRequest *r = clipmoe_mailbox_get_request (box);
  GError *error = NULL;
  g_assert_true (clipmoe_mailbox_get_request (box) == r);
  r->pixels[0] = value;
  memcpy (r->extra, &value, sizeof value);
  clipmoe_mailbox_submit (box, replaced, &error);
  g_assert_no_error (error);
}

static inline void
wait_for (gint *n, gint least) {
  while (g_atomic_int_get (n) < least)
    g_usleep (100);
}

#endif
