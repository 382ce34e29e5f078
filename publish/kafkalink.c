#include "kafkalink.h"

#include <base/login.h>
#include <base/plain.h>
#include <clipmoe/error.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WINDOW 200           /* messages that are not confirmed */
#define PAUSE G_USEC_PER_SEC /* after messages came back */
#define PATIENCE ((gint64)2 * G_USEC_PER_SEC)

typedef struct {
  gint refs;        /* of the memory: a user each, and the thread */
  guint users_open; /* under registry_lock */
  char *key, *name, *brokers, *topic, *login_file, *tls_ca;
  ClipmoeOutbox *outbox;
  GThread *thread;
  int event; /* eventfd: wakes the thread */
  /* the thread's own */
  rd_kafka_t *producer;
  guint in_flight;
  gboolean came_back; /* messages that may be sent again */
  gboolean refused;   /* one was, and that was told */
  int trouble;        /* error code that was told, 0: none */
  gboolean connected;
  char *reason; /* why a server was last lost */
  char *login_digest;
  GMutex lock; /* guards what follows */
  GCond changed;
  GPtrArray *users;
  char *told;
  gboolean ending, over;
  gint64 deadline;
} Link;

struct _ClipmoeKafkaUser {
  gint refs;
  Link *link;
  ClipmoeOutboxPort *port;
  ClipmoeKafkaUserClass class;
  gpointer data;
  gboolean left; /* under the link's lock, like the next one */
  GThread *calling;
};

static GMutex registry_lock;
static GHashTable *registry; /* key → Link */

static void
link_unref (Link *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  if (self->event >= 0)
    close (self->event);
  g_ptr_array_unref (self->users);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->key);
  g_free (self->name);
  g_free (self->brokers);
  g_free (self->topic);
  g_free (self->login_file);
  g_free (self->tls_ca);
  g_free (self->told);
  g_free (self->reason);
  g_free (self->login_digest);
  g_free (self);
}

static void
user_unref (gpointer data) {
  ClipmoeKafkaUser *self = data;
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_outbox_port_free (self->port);
  link_unref (self->link);
  g_free (self);
}

static void
wake (gpointer data) {
  Link *self = data;
  guint64 one = 1;
  if (write (self->event, &one, sizeof one) < 0)
    return; /* it is awake */
}

static gboolean
is_ending (Link *self) {
  g_mutex_lock (&self->lock);
  gboolean ending = self->ending;
  g_mutex_unlock (&self->lock);
  return ending;
}

/* FALSE: it left. One thread after the other: who joins is told by its own, perhaps while the link's tells
 * all. */
static gboolean
begin_call (ClipmoeKafkaUser *user) {
  g_mutex_lock (&user->link->lock);
  while (user->calling && !user->left)
    g_cond_wait (&user->link->changed, &user->link->lock);
  gboolean ok = !user->left;
  if (ok)
    user->calling = g_thread_self ();
  g_mutex_unlock (&user->link->lock);
  return ok;
}

typedef enum { CUT, CONNECTED, NOTICE } What;

static void
call (ClipmoeKafkaUser *user, What what, const char *sentence) {
  if (!begin_call (user))
    return;
  if (what == NOTICE)
    user->class.notice (user->data, sentence);
  else
    user->class.status (user->data, what == CONNECTED, sentence);
  g_mutex_lock (&user->link->lock);
  user->calling = NULL;
  g_cond_broadcast (&user->link->changed);
  g_mutex_unlock (&user->link->lock);
}

static void
call_all (Link *self, What what, const char *sentence) {
  GPtrArray *users = g_ptr_array_new_with_free_func (user_unref);
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->users->len; i++) {
    ClipmoeKafkaUser *user = self->users->pdata[i];
    g_atomic_int_inc (&user->refs);
    g_ptr_array_add (users, user);
  }
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < users->len; i++)
    call (users->pdata[i], what, sentence);
  g_ptr_array_unref (users);
}

static void
tell (Link *self, gboolean connected, const char *why) {
  char *sentence = connected ? g_strdup_printf ("%s is connected", self->name)
                             : g_strdup_printf ("%s: %s; what is to be sent waits", self->name, why);
  g_mutex_lock (&self->lock);
  g_free (self->told);
  self->told = connected ? NULL : g_strdup (sentence);
  g_mutex_unlock (&self->lock);
  call_all (self, connected ? CONNECTED : CUT, sentence);
  g_free (sentence);
}

/* A message that no server ever takes. */
static void
refused (Link *self, guint64 number, gsize length, rd_kafka_resp_err_t code) {
  clipmoe_outbox_done (self->outbox, number, FALSE);
  if (self->refused)
    return;
  self->refused = TRUE;
  char *sentence = g_strdup_printf ("%s: a message of %" G_GSIZE_FORMAT
                                    " bytes was refused and is dropped, like all such: %s",
                                    self->name, length, rd_kafka_err2str (code));
  call_all (self, NOTICE, sentence);
  g_free (sentence);
}

/* Another kind of trouble than before is told; the same one is not. */
static void
in_trouble (Link *self, int code, const char *reason) {
  if (self->trouble == code || (self->trouble && code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN))
    return;
  self->trouble = code;
  self->connected = FALSE;
  clipmoe_outbox_set_state (self->outbox, CLIPMOE_OUTBOX_CUT);
  char *why = clipmoe_plain (reason, -1), *after = strstr (why, " (after");
  if (after)
    *after = '\0';
  tell (self, FALSE, why);
  g_free (why);
}

/* From here on: called by the library within rd_kafka_poll(). */
static void
on_error (rd_kafka_t *producer, int code, const char *reason, void *data) {
  char fatal[512];
  Link *self = data;
  if (code ==
      RD_KAFKA_RESP_ERR__TRANSPORT) { /* of one server, which may only have closed an idle connection */
    g_free (self->reason);
    self->reason = clipmoe_plain (reason, -1);
    return;
  }
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && self->reason)
    reason = self->reason;
  rd_kafka_resp_err_t why =
      code == RD_KAFKA_RESP_ERR__FATAL ? rd_kafka_fatal_error (producer, fatal, sizeof fatal) : 0;
  in_trouble (self, why ? (int)why : code, why ? fatal : reason);
}

static void
on_delivery (rd_kafka_t *producer, const rd_kafka_message_t *message, void *data) {
  Link *self = data;
  guint64 number = (guint64)(guintptr)message->_private;
  self->in_flight--;
  switch (message->err) {
  case RD_KAFKA_RESP_ERR_NO_ERROR:
    clipmoe_outbox_done (self->outbox, number, TRUE);
    self->trouble = 0;
    if (!self->connected) {
      self->connected = TRUE;
      clipmoe_outbox_set_state (self->outbox, CLIPMOE_OUTBOX_FLOWS);
      tell (self, TRUE, NULL);
    }
    break;
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
  case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    refused (self, number, message->len, message->err);
    break;
  default:
    if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
      in_trouble (self, message->err, rd_kafka_err2str (message->err));
    self->came_back = TRUE;
    break;
  }
}

static void
on_log (const rd_kafka_t *producer, int level, const char *facility, const char *text) {
}

static gboolean
set (rd_kafka_conf_t *conf, const char *name, const char *value, char **why) {
  char text[512];
  if (rd_kafka_conf_set (conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
    return TRUE;
  *why = g_strdup_printf ("%s: not taken by librdkafka", name); /* its own text repeats the value */
  return FALSE;
}

/* Whether the login is another one than when this was last called. */
static gboolean
is_new (Link *self, const ClipmoeLogin *login) {
  char *whole = g_strdup_printf ("%s\n%s", login->user, login->password ? login->password : ""),
       *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, whole, -1);
  gboolean new = g_strcmp0 (digest, self->login_digest) != 0;
  memset (whole, 0, strlen (whole));
  g_free (whole);
  g_free (self->login_digest);
  self->login_digest = digest;
  return new;
}

/* While the login is refused: a password that was put right is taken. */
static void
renew_login (Link *self) {
  ClipmoeLogin login = {0};
  if (!self->login_file || self->trouble != RD_KAFKA_RESP_ERR__AUTHENTICATION ||
      !clipmoe_login_read (self->login_file, &login, NULL))
    return;
  if (is_new (self, &login)) {
    rd_kafka_error_t *error =
        rd_kafka_sasl_set_credentials (self->producer, login.user, login.password ? login.password : "");
    if (error)
      rd_kafka_error_destroy (error);
  }
  clipmoe_login_clear (&login);
}

static gboolean
secure (Link *self, rd_kafka_conf_t *conf, char **why) {
  ClipmoeLogin login = {0};
  GError *error = NULL;
  gboolean ok = TRUE;
  if (self->login_file && !clipmoe_login_read (self->login_file, &login, &error)) {
    *why = g_strdup (error->message);
    g_error_free (error);
    return FALSE;
  }
  if (self->login_file || self->tls_ca)
    ok = set (conf, "security.protocol", self->login_file ? "sasl_ssl" : "ssl", why);
  if (ok && self->tls_ca)
    ok = set (conf, "ssl.ca.location", self->tls_ca, why);
  if (ok && self->login_file)
    ok = set (conf, "sasl.mechanism", "PLAIN", why) && set (conf, "sasl.username", login.user, why) &&
         set (conf, "sasl.password", login.password ? login.password : "", why);
  if (login.user)
    is_new (self, &login);
  clipmoe_login_clear (&login);
  return ok;
}

/* FALSE: *why (transfer full). */
static gboolean
make_producer (Link *self, char **why) {
  static const char *const settings[][2] = {
      {"client.id", "clipmoe"},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", "0"}, /* the outbox decides what goes */
      {"linger.ms", "5"},
      {"max.in.flight.requests.per.connection", "1"}, /* nothing overtakes what is sent again */
      {"reconnect.backoff.ms", "1000"},
      {"reconnect.backoff.max.ms", "10000"},
  };
  char text[512] = "";
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  gboolean ok = set (conf, "bootstrap.servers", self->brokers, why) && secure (self, conf, why);
  for (guint i = 0; ok && i < G_N_ELEMENTS (settings); i++)
    ok = set (conf, settings[i][0], settings[i][1], why);
  rd_kafka_conf_set_opaque (conf, self);
  rd_kafka_conf_set_error_cb (conf, on_error);
  rd_kafka_conf_set_dr_msg_cb (conf, on_delivery);
  rd_kafka_conf_set_log_cb (conf, on_log);
  if (ok && !(self->producer = rd_kafka_new (RD_KAFKA_PRODUCER, conf, text, sizeof text)))
    *why = clipmoe_plain (text, -1);
  if (!self->producer) {
    rd_kafka_conf_destroy (conf);
    return FALSE;
  }
  guint64 one = 1;
  rd_kafka_queue_t *queue = rd_kafka_queue_get_main (self->producer);
  rd_kafka_queue_io_event_enable (queue, self->event, &one, sizeof one);
  rd_kafka_queue_destroy (queue);
  return TRUE;
}

static void
pause_for (Link *self, gint64 us) {
  guint64 count;
  struct pollfd fd = {self->event, POLLIN, 0};
  poll (&fd, 1, (int)(us / 1000));
  if (fd.revents && read (self->event, &count, sizeof count) < 0)
    return;
}

static void
send_waiting (Link *self) {
  ClipmoeMessage message;
  guint64 number;
  while (self->in_flight < WINDOW && !self->came_back &&
         clipmoe_outbox_take (self->outbox, &number, &message)) {
    gsize length = strlen (message.body);
    rd_kafka_resp_err_t code =
        rd_kafka_producev (self->producer, RD_KAFKA_V_TOPIC (self->topic),
                           RD_KAFKA_V_KEY (message.source, strlen (message.source)),
                           RD_KAFKA_V_VALUE (message.body, length), RD_KAFKA_V_MSGFLAGS (RD_KAFKA_MSG_F_COPY),
                           RD_KAFKA_V_OPAQUE ((void *)(guintptr)number), RD_KAFKA_V_END);
    clipmoe_message_clear (&message);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      self->in_flight++;
    else if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
      refused (self, number, length, code);
    else
      self->came_back = TRUE;
  }
}

/* All that is under way comes back, so that nothing overtakes what has come back already. */
static void
take_back (Link *self) {
  rd_kafka_purge (self->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  for (guint i = 0; self->in_flight && i < 200; i++)
    rd_kafka_poll (self->producer, 10);
  clipmoe_outbox_put_back (self->outbox);
}

/* Sends until the link ends or the producer is of no use any more. */
static void
serve (Link *self) {
  while (!is_ending (self) && !rd_kafka_fatal_error (self->producer, NULL, 0)) {
    send_waiting (self);
    pause_for (self, G_USEC_PER_SEC);
    renew_login (self);
    rd_kafka_poll (self->producer, 0);
    if (self->came_back) {
      take_back (self);
      self->came_back = FALSE;
      gint64 until = g_get_monotonic_time () + PAUSE, now;
      while (!is_ending (self) && (now = g_get_monotonic_time ()) < until)
        pause_for (self, until - now);
    }
  }
}

static gpointer
run (gpointer data) {
  Link *self = data;
  for (char *why = NULL; !is_ending (self);) {
    if (!self->producer && !make_producer (self, &why)) {
      in_trouble (self, RD_KAFKA_RESP_ERR__INVALID_ARG, why);
      g_clear_pointer (&why, g_free);
      pause_for (self, PATIENCE);
      continue;
    }
    serve (self);
    take_back (self);
    rd_kafka_destroy_flags (g_steal_pointer (&self->producer), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    self->in_flight = 0;
    self->came_back = FALSE;
  }
  if (self->producer)
    rd_kafka_destroy (g_steal_pointer (&self->producer));
  clipmoe_outbox_unref (self->outbox);
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  link_unref (self);
  return NULL;
}

static Link *
open_link (const ClipmoeKafkaAddress *address, const char *outbox, char *key, GError **error) {
  Link *self = g_new0 (Link, 1);
  char *why = NULL, *target = g_strdup_printf ("kafka %s %s", address->brokers, address->topic);
  self->refs = 1;
  self->key = g_strdup (key);
  self->name = g_strdup_printf ("kafka://%s/%s", address->brokers, address->topic);
  self->brokers = g_strdup (address->brokers);
  self->topic = g_strdup (address->topic);
  self->login_file = g_strdup (address->login_file);
  self->tls_ca = g_strdup (address->tls_ca);
  self->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->users = g_ptr_array_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  gboolean ok = make_producer (self, &why);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: %s", self->name, why);
  ok = ok && (self->outbox = clipmoe_outbox_new (outbox, target, wake, self, error));
  if (ok)
    self->refs++;
  if (ok && !(self->thread = g_thread_try_new ("clipmoe-kafka", run, self, error))) {
    self->refs--;
    ok = FALSE;
  }
  g_free (target);
  g_free (why);
  if (ok)
    return self;
  if (self->producer)
    rd_kafka_destroy (self->producer);
  if (self->outbox)
    clipmoe_outbox_unref (self->outbox);
  link_unref (self);
  return NULL;
}

ClipmoeKafkaUser *
clipmoe_kafka_join (const ClipmoeKafkaAddress *address, const char *outbox, guint room,
                    const ClipmoeKafkaUserClass *class, gpointer data, GError **error) {
  char *key = g_strdup_printf ("%s\n%s\n%s\n%s\n%s", address->brokers, address->topic,
                               address->login_file ? address->login_file : "",
                               address->tls_ca ? address->tls_ca : "", outbox ? outbox : ""),
       *told = NULL;
  ClipmoeKafkaUser *user = NULL;
  g_mutex_lock (&registry_lock);
  if (!registry)
    registry = g_hash_table_new (g_str_hash, g_str_equal);
  Link *self = g_hash_table_lookup (registry, key);
  if (!self && (self = open_link (address, outbox, key, error)))
    g_hash_table_insert (registry, self->key, self);
  if (self) {
    self->users_open++;
    g_atomic_int_inc (&self->refs);
    user = g_new0 (ClipmoeKafkaUser, 1);
    *user = (ClipmoeKafkaUser){1, self, clipmoe_outbox_join (self->outbox, room), *class, data, FALSE, NULL};
    g_mutex_lock (&self->lock);
    g_ptr_array_add (self->users, user);
    told = g_strdup (self->told);
    g_mutex_unlock (&self->lock);
  }
  g_mutex_unlock (&registry_lock);
  g_free (key);
  if (told)
    call (user, CUT, told);
  g_free (told);
  return user;
}

ClipmoeOutboxPort *
clipmoe_kafka_user_get_port (ClipmoeKafkaUser *self) {
  return self->port;
}

/* With the registry's lock held, so that who opens the same one finds the outbox's file closed. */
static void
stop (Link *self) {
  g_hash_table_remove (registry, self->key);
  clipmoe_outbox_retire (self->outbox); /* which a user's port still refers to */
  g_mutex_lock (&self->lock);
  self->deadline = g_get_monotonic_time () + PATIENCE;
  self->ending = TRUE;
  g_mutex_unlock (&self->lock);
  wake (self);
  g_mutex_lock (&self->lock);
  while (!self->over && self->thread != g_thread_self ())
    if (!g_cond_wait_until (&self->changed, &self->lock, self->deadline))
      break;
  gboolean over = self->over;
  g_mutex_unlock (&self->lock);
  if (over) {
    g_thread_join (self->thread);
  } else {
    g_thread_unref (self->thread); /* it ends later */
  }
  link_unref (self);
}

guint64
clipmoe_kafka_user_leave (ClipmoeKafkaUser *self) {
  Link *link = self->link;
  g_mutex_lock (&link->lock);
  gboolean mine = self->calling == g_thread_self (); /* a callback of ours leaves */
  g_mutex_unlock (&link->lock);
  guint64 lost = clipmoe_outbox_port_leave (self->port, !mine);
  gint64 end = g_get_monotonic_time () + PATIENCE;
  g_mutex_lock (&link->lock);
  self->left = TRUE;
  g_cond_broadcast (&link->changed);
  g_ptr_array_remove (link->users, self);
  while (self->calling && self->calling != g_thread_self ())
    if (!g_cond_wait_until (&link->changed, &link->lock, end))
      break;
  g_mutex_unlock (&link->lock);
  g_mutex_lock (&registry_lock);
  if (--link->users_open == 0)
    stop (link);
  g_mutex_unlock (&registry_lock);
  return lost;
}

void
clipmoe_kafka_user_free (ClipmoeKafkaUser *self) {
  user_unref (self);
}
