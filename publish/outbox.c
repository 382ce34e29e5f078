#include "outbox.h"

#include <string.h>
#include "outboxfile.h"

#define GRACE ((gint64)2 * G_USEC_PER_SEC)
#define PATIENCE ((gint64)10 * G_USEC_PER_SEC)
#define COMMIT (G_USEC_PER_SEC / 20) /* how long a stream waits for the disk */

typedef struct {
  guint64 number;
  ClipmoeMessageKind kind;
  gsize length;
  ClipmoeMessage message;  /* in memory alone */
  ClipmoeOutboxPort *port; /* NULL: of an earlier process, or of a port that left */
} Item;

struct _ClipmoeOutbox {
  gint refs;
  ClipmoeOutboxFile *file;
  char *target;
  void (*wake) (gpointer data);
  gpointer wake_data;
  GMutex lock; /* guards what follows, and the ports */
  GCond changed;
  GQueue waiting[CLIPMOE_MESSAGE_KINDS], taken; /* of Item, by number */
  guint room;
  gsize bytes; /* of those that wait */
  guint64 next;
  ClipmoeOutboxState state;
  gboolean claimed;                             /* the target, in the file */
  guint64 lost, unowned[CLIPMOE_MESSAGE_KINDS]; /* unreadable, since that was last told; those of no port */
  char *why_lost;
  gint64 moved; /* when a message was last done, monotonic time */
};

struct _ClipmoeOutboxPort {
  ClipmoeOutbox *outbox;
  guint room;
  guint64 last; /* message that it added, or 0 */
  gboolean live, cancelled, left, gave_up;
  ClipmoeOutboxCounts counts;
};

static void
item_free (gpointer data) {
  Item *item = data;
  clipmoe_message_clear (&item->message);
  g_free (item);
}

static void
found (gpointer data, guint64 number, ClipmoeMessageKind kind, gsize length) {
  ClipmoeOutbox *self = data;
  Item *item = g_new0 (Item, 1);
  item->number = number;
  item->kind = kind;
  item->length = length;
  g_queue_push_tail (&self->waiting[kind], item);
}

ClipmoeOutbox *
clipmoe_outbox_new (const char *path, const char *target, void (*wake) (gpointer data), gpointer data,
                    GError **error) {
  ClipmoeOutbox *self = g_new0 (ClipmoeOutbox, 1);
  self->refs = 1;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++)
    g_queue_init (&self->waiting[i]);
  g_queue_init (&self->taken);
  self->target = g_strdup (target);
  self->wake = wake;
  self->wake_data = data;
  self->next = 1;
  if (!path || ((self->file = clipmoe_outbox_file_open (path, error)) &&
                (self->claimed = clipmoe_outbox_file_claim (self->file, target, error)) &&
                clipmoe_outbox_file_list (self->file, target, found, self, error)))
    return self;
  clipmoe_outbox_unref (self);
  return NULL;
}

void
clipmoe_outbox_retire (ClipmoeOutbox *self) {
  g_mutex_lock (&self->lock);
  gboolean claimed = self->claimed;
  self->claimed = FALSE;
  g_mutex_unlock (&self->lock);
  if (claimed)
    clipmoe_outbox_file_release (self->file, self->target);
}

void
clipmoe_outbox_unref (ClipmoeOutbox *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_outbox_retire (self);
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++)
    g_queue_clear_full (&self->waiting[i], item_free);
  g_queue_clear_full (&self->taken, item_free);
  if (self->file)
    clipmoe_outbox_file_unref (self->file);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->why_lost);
  g_free (self->target);
  g_free (self);
}

void
clipmoe_outbox_set_state (ClipmoeOutbox *self, ClipmoeOutboxState state) {
  g_mutex_lock (&self->lock);
  self->state = state;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static guint
count_waiting (const ClipmoeOutbox *self) {
  guint n = 0;
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++)
    n += self->waiting[i].length;
  return n;
}

/* The queue whose head is the oldest, or NULL. */
static GQueue *
oldest (ClipmoeOutbox *self) {
  GQueue *best = NULL;
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++) {
    GQueue *queue = &self->waiting[i];
    if (queue->length && (!best || ((Item *)queue->head->data)->number < ((Item *)best->head->data)->number))
      best = queue;
  }
  return best;
}

/* With the lock held: takes @item out of the books and frees it. */
static void
settle (ClipmoeOutbox *self, Item *item, gboolean sent) {
  ClipmoeOutboxPort *port = item->port;
  if (port) {
    (sent ? port->counts.written : port->counts.dropped)[item->kind]++;
    port->counts.waiting--;
    if (sent)
      port->gave_up = FALSE;
  }
  if (self->file)
    clipmoe_outbox_file_forget (self->file, item->number);
  item_free (item);
  g_cond_broadcast (&self->changed);
}

/* What was taken cannot be read. Takes over @why. */
static void
lose (ClipmoeOutbox *self, guint64 number, guint64 *unowned, GError *why) {
  g_mutex_lock (&self->lock);
  g_free (self->why_lost);
  self->why_lost = g_strdup (why->message);
  self->lost++;
  if (unowned)
    (*unowned)++;
  g_mutex_unlock (&self->lock);
  g_error_free (why);
  clipmoe_outbox_done (self, number, FALSE);
}

gboolean
clipmoe_outbox_take (ClipmoeOutbox *self, guint64 *number, ClipmoeMessage *message) {
  for (;;) {
    GError *why = NULL;
    guint64 *unowned = NULL; /* where it counts, if no port counts it */
    g_mutex_lock (&self->lock);
    GQueue *queue = oldest (self);
    Item *item = queue ? g_queue_pop_head (queue) : NULL;
    if (item) {
      self->bytes -= MIN (self->bytes, item->length);
      g_queue_push_tail (&self->taken, item);
      *number = item->number;
      unowned = item->port ? NULL : &self->unowned[item->kind];
      if (!self->file)
        *message =
            (ClipmoeMessage){item->kind, g_strdup (item->message.source), g_strdup (item->message.body)};
    }
    g_mutex_unlock (&self->lock);
    /* streams do not wait while the disk is read */
    if (!item || !self->file || clipmoe_outbox_file_read (self->file, *number, message, &why))
      return item != NULL;
    lose (self, *number, unowned, why);
  }
}

void
clipmoe_outbox_done (ClipmoeOutbox *self, guint64 number, gboolean sent) {
  g_mutex_lock (&self->lock);
  for (GList *l = self->taken.head; l; l = l->next)
    if (((Item *)l->data)->number == number) {
      Item *item = l->data;
      g_queue_delete_link (&self->taken, l);
      self->moved = g_get_monotonic_time ();
      settle (self, item, sent);
      break;
    }
  g_mutex_unlock (&self->lock);
}

void
clipmoe_outbox_put_back (ClipmoeOutbox *self) {
  g_mutex_lock (&self->lock);
  for (Item *item; (item = g_queue_pop_tail (&self->taken));) {
    self->bytes += item->length;
    g_queue_push_head (&self->waiting[item->kind], item);
  }
  g_mutex_unlock (&self->lock);
}

guint
clipmoe_outbox_get_taken (ClipmoeOutbox *self) {
  g_mutex_lock (&self->lock);
  guint n = self->taken.length;
  g_mutex_unlock (&self->lock);
  return n;
}

guint
clipmoe_outbox_get_waiting (ClipmoeOutbox *self) {
  g_mutex_lock (&self->lock);
  guint n = count_waiting (self);
  g_mutex_unlock (&self->lock);
  return n;
}

ClipmoeOutboxPort *
clipmoe_outbox_join (ClipmoeOutbox *self, guint room) {
  ClipmoeOutboxPort *port = g_new0 (ClipmoeOutboxPort, 1);
  port->outbox = self;
  g_atomic_int_inc (&self->refs);
  port->room = MAX (room, 1);
  g_mutex_lock (&self->lock);
  self->room += port->room;
  g_mutex_unlock (&self->lock);
  return port;
}

void
clipmoe_outbox_port_set_live (ClipmoeOutboxPort *port, gboolean live) {
  g_mutex_lock (&port->outbox->lock);
  port->live = live;
  g_cond_broadcast (&port->outbox->changed);
  g_mutex_unlock (&port->outbox->lock);
}

static gboolean
is_full (const ClipmoeOutbox *self, gsize length) {
  guint waiting = count_waiting (self);
  return waiting + self->taken.length >= self->room ||
         (!self->file && waiting && self->bytes + length > CLIPMOE_OUTBOX_BYTES);
}

/* With the lock held: waits for room, as long as that makes sense. */
static void
wait_for_room (ClipmoeOutboxPort *port, gsize length) {
  ClipmoeOutbox *self = port->outbox;
  gint64 begin = g_get_monotonic_time ();
  while (is_full (self, length) && !port->live && !port->cancelled && !port->left && !port->gave_up &&
         self->state == CLIPMOE_OUTBOX_FLOWS) {
    gint64 end = MAX (begin, self->moved) + PATIENCE;
    port->gave_up = g_get_monotonic_time () >= end;
    if (!port->gave_up)
      g_cond_wait_until (&self->changed, &self->lock, end);
  }
}

/* With the lock held: makes room for one of @kind. FALSE: nothing that waits is worth less. */
static gboolean
drop_oldest (ClipmoeOutbox *self, ClipmoeMessageKind kind) {
  GQueue *looks = &self->waiting[CLIPMOE_MESSAGE_LOOK], *events = &self->waiting[CLIPMOE_MESSAGE_EVENT];
  GQueue *queue = looks->length ? looks : kind == CLIPMOE_MESSAGE_EVENT && events->length ? events : NULL;
  if (!queue)
    return FALSE;
  Item *item = g_queue_pop_head (queue);
  self->bytes -= MIN (self->bytes, item->length);
  settle (self, item, FALSE);
  return TRUE;
}

/* With the lock held. FALSE: the disk takes nothing and too much waits for it. */
static gboolean
keep (ClipmoeOutboxPort *port, ClipmoeMessage *message, gsize length, guint64 *number) {
  ClipmoeOutbox *self = port->outbox;
  ClipmoeMessageKind kind = message->kind;
  *number = self->file ? clipmoe_outbox_file_put (self->file, self->target, message) : self->next++;
  if (!*number)
    return FALSE;
  Item *item = g_new0 (Item, 1);
  *item = (Item){*number, kind, length, {0}, port};
  if (!self->file) {
    item->message = *message;
    *message = (ClipmoeMessage){0};
  }
  g_queue_push_tail (&self->waiting[kind], item);
  self->bytes += length;
  port->counts.waiting++;
  port->last = *number;
  return TRUE;
}

ClipmoeOutboxResult
clipmoe_outbox_port_add (ClipmoeOutboxPort *port, ClipmoeMessage *message) {
  ClipmoeOutbox *self = port->outbox;
  ClipmoeMessageKind kind = message->kind;
  gsize length = strlen (message->body);
  guint64 number = 0;
  gboolean dropped = FALSE, fits = TRUE;
  g_mutex_lock (&self->lock);
  wait_for_room (port, length);
  gboolean closed = port->cancelled || port->left;
  while (!closed && fits && is_full (self, length)) {
    fits = drop_oldest (self, kind);
    dropped = TRUE;
  }
  if (closed || !fits || !keep (port, message, length, &number)) {
    port->counts.dropped[kind]++;
    dropped = TRUE;
  }
  if (number)
    self->wake (self->wake_data); /* with the lock: afterwards the port may leave and the waker end */
  g_mutex_unlock (&self->lock);
  clipmoe_message_clear (message);
  if (number && self->file)
    clipmoe_outbox_file_wait (self->file, number, COMMIT);
  return closed ? CLIPMOE_OUTBOX_CLOSED : dropped ? CLIPMOE_OUTBOX_DROPPED : CLIPMOE_OUTBOX_KEPT;
}

/* With the lock held: a file keeps what waits. */
static gboolean
is_in_vain (const ClipmoeOutbox *self) {
  return self->file && self->state == CLIPMOE_OUTBOX_CUT;
}

guint
clipmoe_outbox_port_drain (ClipmoeOutboxPort *port) {
  ClipmoeOutbox *self = port->outbox;
  g_mutex_lock (&self->lock);
  gint64 begin = g_get_monotonic_time ();
  while (port->counts.waiting && !port->cancelled && !port->left && !port->gave_up && !is_in_vain (self)) {
    gint64 end = port->live || self->state != CLIPMOE_OUTBOX_FLOWS ? begin + GRACE
                                                                   : MAX (begin, self->moved) + PATIENCE;
    port->gave_up = g_get_monotonic_time () >= end;
    if (!port->gave_up)
      g_cond_wait_until (&self->changed, &self->lock, end);
  }
  guint left = (guint)port->counts.waiting;
  g_mutex_unlock (&self->lock);
  return left;
}

void
clipmoe_outbox_port_cancel (ClipmoeOutboxPort *port, gboolean cancel) {
  g_mutex_lock (&port->outbox->lock);
  port->cancelled = cancel;
  g_cond_broadcast (&port->outbox->changed);
  g_mutex_unlock (&port->outbox->lock);
}

void
clipmoe_outbox_port_get_counts (ClipmoeOutboxPort *port, ClipmoeOutboxCounts *counts) {
  g_mutex_lock (&port->outbox->lock);
  *counts = port->counts;
  g_mutex_unlock (&port->outbox->lock);
}

char *
clipmoe_outbox_port_trouble (ClipmoeOutboxPort *port) {
  return port->outbox->file ? clipmoe_outbox_file_trouble (port->outbox->file) : NULL;
}

char *
clipmoe_outbox_port_losses (ClipmoeOutboxPort *port) {
  ClipmoeOutbox *self = port->outbox;
  char *sentence = NULL;
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++) {
    port->counts.dropped[i] += self->unowned[i];
    self->unowned[i] = 0;
  }
  if (self->lost)
    sentence =
        g_strdup_printf ("%s; %" G_GUINT64_FORMAT " of its messages are lost", self->why_lost, self->lost);
  self->lost = 0;
  g_mutex_unlock (&self->lock);
  return sentence;
}

/* With the lock held: the items of @port in @queue. */
static void
abandon (ClipmoeOutboxPort *port, GQueue *queue) {
  ClipmoeOutbox *self = port->outbox;
  for (GList *l = queue->head, *next; l; l = next) {
    Item *item = l->data;
    next = l->next;
    if (item->port != port)
      continue;
    if (self->file) {
      if (!clipmoe_outbox_file_wait (self->file, item->number, 0)) /* the disk has not taken it */
        port->counts.dropped[item->kind]++;
      item->port = NULL;
      continue;
    }
    g_queue_delete_link (queue, l);
    if (queue != &self->taken)
      self->bytes -= MIN (self->bytes, item->length);
    settle (self, item, FALSE);
  }
}

guint64
clipmoe_outbox_port_leave (ClipmoeOutboxPort *port, gboolean wait) {
  ClipmoeOutbox *self = port->outbox;
  g_mutex_lock (&self->lock);
  gint64 end = g_get_monotonic_time () + (port->gave_up || !wait ? 0 : GRACE);
  while (port->counts.waiting && !is_in_vain (self) && g_get_monotonic_time () < end)
    g_cond_wait_until (&self->changed, &self->lock, end);
  guint64 last = port->last;
  g_mutex_unlock (&self->lock);
  if (self->file && last)
    clipmoe_outbox_file_wait (self->file, last, wait ? GRACE : 0);
  g_mutex_lock (&self->lock);
  guint64 before = port->counts.dropped[CLIPMOE_MESSAGE_LOOK] + port->counts.dropped[CLIPMOE_MESSAGE_EVENT];
  for (guint i = 0; i < CLIPMOE_MESSAGE_KINDS; i++)
    abandon (port, &self->waiting[i]);
  abandon (port, &self->taken);
  guint64 after = port->counts.dropped[CLIPMOE_MESSAGE_LOOK] + port->counts.dropped[CLIPMOE_MESSAGE_EVENT];
  if (!port->left)
    self->room -= port->room;
  port->left = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return after - before;
}

void
clipmoe_outbox_port_free (ClipmoeOutboxPort *port) {
  clipmoe_outbox_unref (port->outbox);
  g_free (port);
}
