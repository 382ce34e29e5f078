/* Protects a process that forks while its engine encodes and requests wait: in the child nothing waits for
 * threads that are gone, and what the child asks is answered by threads of its own. */
#include <sys/wait.h>
#include "machine.h"

static void
hear (gpointer data, ClipmoeRequest *request, const float *embedding, gint64 microseconds,
      const GError *error) {
  g_atomic_int_set ((gint *)data, (gint)embedding[0]);
}

static int
child (Machine *m, ClipmoeScheduler *s, ClipmoeMailbox *const *boxes, gint *heard) {
  float out[EMBED];
  alarm (slow_seconds (20));
  pthread_mutex_init (&m->mutex, NULL); /* the stand-in's own */
  pthread_cond_init (&m->cond, NULL);
  m->may_end = MACHINE_FREE;
  for (guint i = 0; i < 3; i++) {
    clipmoe_mailbox_get_request (boxes[i])->pixels[0] = 10 + (float)i;
    if (!clipmoe_mailbox_encode (boxes[i], out, NULL) || out[0] != 10 + (float)i)
      return 1;
  }
  g_atomic_int_set (heard, 0);
  clipmoe_mailbox_get_request (boxes[0])->pixels[0] = 20;
  if (!clipmoe_mailbox_submit (boxes[0], NULL, NULL))
    return 2;
  clipmoe_mailbox_drain (boxes[0]);
  if (g_atomic_int_get (heard) != 20)
    return 3;
  clipmoe_mailbox_drop (boxes[1]);
  for (guint i = 0; i < 3; i++)
    clipmoe_mailbox_free (boxes[i]);
  machine_end (m, s);
  return 0;
}

static void *
encode (void *data) {
  float out[EMBED];
  clipmoe_mailbox_get_request (data)->pixels[0] = 3;
  g_assert_true (clipmoe_mailbox_encode (data, out, NULL));
  g_assert_cmpfloat (out[0], ==, 3);
  return NULL;
}

static void
test_forks (void) {
  Machine m;
  pthread_t id;
  gint heard[3] = {0};
  ClipmoeMailbox *boxes[3];
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 1);
  for (guint i = 0; i < 3; i++)
    boxes[i] = clipmoe_mailbox_new_at (s, FLOATS, 0, NULL, hear, &heard[i], NULL);
  clipmoe_mailbox_get_request (boxes[0])->pixels[0] = 1;
  g_assert_true (clipmoe_mailbox_submit (boxes[0], NULL, NULL)); /* is being encoded */
  machine_wait_begun (&m, 1);
  clipmoe_mailbox_get_request (boxes[1])->pixels[0] = 2;
  g_assert_true (clipmoe_mailbox_submit (boxes[1], NULL, NULL)); /* waits */
  pthread_create (&id, NULL, encode, boxes[2]);                  /* and so does somebody */
  for (guint i = 0; i < 20; i++) {
    int status = -1;
    pid_t pid = fork ();
    g_assert_cmpint (pid, >=, 0);
    if (pid == 0)
      _exit (child (&m, s, boxes, heard));
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_true (WIFEXITED (status));
    g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  }
  machine_allow (&m, MACHINE_FREE); /* the parent goes on as if nothing had been */
  pthread_join (id, NULL);
  for (guint i = 0; i < 2; i++) {
    clipmoe_mailbox_drain (boxes[i]);
    g_assert_cmpint (g_atomic_int_get (&heard[i]), ==, (gint)i + 1);
  }
  for (guint i = 0; i < 3; i++)
    clipmoe_mailbox_free (boxes[i]);
  machine_end (&m, s);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  alarm (slow_seconds (60));
  g_test_add_func ("/engine/forks", test_forks);
  return g_test_run ();
}
