#include "mqttlink.h"

#include <base/login.h>
#include <base/plain.h>
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "mqttretained.h"
#include "topicnames.h"

#define KEEPALIVE 15                         /* s; a broker that is silent for twice that is left */
#define ANSWER ((gint64)10 * G_USEC_PER_SEC) /* for the broker to accept the connection */
#define GOODBYE (G_USEC_PER_SEC / 2)
#define FIRST_DELAY G_USEC_PER_SEC
#define LONGEST_DELAY ((gint64)30 * G_USEC_PER_SEC)
#define WINDOW 20 /* messages that are not confirmed */

/* A message that is on its way. */
typedef struct {
  gboolean used;
  int mid;
  guint64 number; /* in the outbox; 0: a retained one */
  char *topic;    /* of a retained one */
} Slot;

struct _ClipmoeMqttLink {
  ClipmoeMqttAddress address;
  ClipmoeMqttHandler handler;
  gpointer data;
  char *name, *available;
  char *id; /* the same with each connection: the broker ends the one before at once, and its last will is not
               late */
  ClipmoeOutbox *outbox;
  GThread *thread;
  int event; /* eventfd: wakes the thread */
  /* the thread's own */
  struct mosquitto *client;
  Slot slots[2 * WINDOW];              /* the first half for retained messages */
  gboolean connected, refused, useful; /* useful: a message was confirmed */
  int confirmed;                       /* the broker's answer to CONNECT */
  char *said, *told; /* what the library logged as an error; the trouble that was told last */
  GMutex lock;       /* guards what follows */
  GCond changed;
  ClipmoeMqttRetained *retained;
  GPtrArray *subscriptions,
      *wanted; /* all; those that the broker was not asked for yet, "-" before one to end */
  gboolean ending, over;
  gint64 deadline;
  void (*ended) (gpointer data); /* for the thread to call at its end */
  gpointer ended_data;
};

static void
initialize (void) {
  static gsize done;
  if (g_once_init_enter (&done)) {
    mosquitto_lib_init ();
    g_once_init_leave (&done, 1);
  }
}

ClipmoeMqttLink *
clipmoe_mqtt_link_new (const ClipmoeMqttAddress *address, const ClipmoeMqttHandler *handler, gpointer data) {
  ClipmoeMqttLink *self = g_new0 (ClipmoeMqttLink, 1);
  initialize ();
  self->address = (ClipmoeMqttAddress){address->tls,
                                       g_strdup (address->host),
                                       address->port,
                                       g_strdup (address->prefix),
                                       g_strdup (address->user),
                                       g_strdup (address->login_file),
                                       g_strdup (address->tls_ca)};
  self->handler = *handler;
  self->data = data;
  gboolean six = strchr (address->host, ':') != NULL;
  self->name = g_strdup_printf ("%s://%s%s%s:%u/%s", address->tls ? "mqtts" : "mqtt", six ? "[" : "",
                                address->host, six ? "]" : "", address->port, address->prefix);
  self->available = g_strconcat (address->prefix, "/available", NULL);
  char *unique =
           g_strdup_printf ("%s %d %p %u", g_get_host_name (), (int)getpid (), (void *)self, g_random_int ()),
       *hash = clipmoe_topic_hash (unique, 12);
  self->id = g_strconcat ("clipmoe-", hash, NULL);
  g_free (hash);
  g_free (unique);
  self->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->retained = clipmoe_mqtt_retained_new ();
  GBytes *online = g_bytes_new_static ("online", 6);
  clipmoe_mqtt_retained_set (self->retained, self->available, online);
  g_bytes_unref (online);
  self->subscriptions = g_ptr_array_new_with_free_func (g_free);
  self->wanted = g_ptr_array_new_with_free_func (g_free);
  clipmoe_mqtt_link_subscribe (self, self->available);
  return self;
}

void
clipmoe_mqtt_link_free (ClipmoeMqttLink *self) {
  g_free (self->address.host);
  g_free (self->address.prefix);
  g_free (self->address.user);
  g_free (self->address.login_file);
  g_free (self->address.tls_ca);
  if (self->event >= 0)
    close (self->event);
  clipmoe_mqtt_retained_free (self->retained);
  g_ptr_array_unref (self->subscriptions);
  g_ptr_array_unref (self->wanted);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->name);
  g_free (self->available);
  g_free (self->id);
  g_free (self->said);
  g_free (self->told);
  g_free (self);
}

void
clipmoe_mqtt_link_wake (gpointer data) {
  ClipmoeMqttLink *self = data;
  guint64 one = 1;
  if (write (self->event, &one, sizeof one) < 0)
    return; /* it is awake */
}

void
clipmoe_mqtt_link_retain_bytes (ClipmoeMqttLink *self, const char *topic, GBytes *payload) {
  g_mutex_lock (&self->lock);
  clipmoe_mqtt_retained_set (self->retained, topic, payload);
  g_mutex_unlock (&self->lock);
  clipmoe_mqtt_link_wake (self);
}

void
clipmoe_mqtt_link_retain (ClipmoeMqttLink *self, const char *topic, const char *payload) {
  GBytes *bytes = payload ? g_bytes_new (payload, strlen (payload)) : NULL;
  clipmoe_mqtt_link_retain_bytes (self, topic, bytes);
  g_clear_pointer (&bytes, g_bytes_unref);
}

void
clipmoe_mqtt_link_repeat (ClipmoeMqttLink *self, const char *start) {
  g_mutex_lock (&self->lock);
  clipmoe_mqtt_retained_repeat (self->retained, start);
  g_mutex_unlock (&self->lock);
  clipmoe_mqtt_link_wake (self);
}

void
clipmoe_mqtt_link_subscribe (ClipmoeMqttLink *self, const char *topic) {
  g_mutex_lock (&self->lock);
  if (!g_ptr_array_find_with_equal_func (self->subscriptions, topic, g_str_equal, NULL)) {
    g_ptr_array_add (self->subscriptions, g_strdup (topic));
    g_ptr_array_add (self->wanted, g_strdup (topic));
  }
  g_mutex_unlock (&self->lock);
  clipmoe_mqtt_link_wake (self);
}

void
clipmoe_mqtt_link_unsubscribe (ClipmoeMqttLink *self, const char *topic) {
  guint at;
  g_mutex_lock (&self->lock);
  if (g_ptr_array_find_with_equal_func (self->subscriptions, topic, g_str_equal, &at)) {
    g_ptr_array_remove_index (self->subscriptions, at);
    g_ptr_array_add (self->wanted, g_strconcat ("-", topic, NULL));
  }
  g_mutex_unlock (&self->lock);
  clipmoe_mqtt_link_wake (self);
}

static gboolean
is_ending (ClipmoeMqttLink *self) {
  g_mutex_lock (&self->lock);
  gboolean ending = self->ending;
  g_mutex_unlock (&self->lock);
  return ending;
}

/* Tells each trouble once, until another one or the connection comes. */
static void
tell (ClipmoeMqttLink *self, gboolean connected, const char *why) {
  if (!connected && g_strcmp0 (why, self->told) == 0)
    return;
  g_free (self->told);
  self->told = connected ? NULL : g_strdup (why);
  char *sentence = connected ? g_strdup_printf ("%s is connected", self->name)
                             : g_strdup_printf ("%s: %s; what is to be sent waits", self->name, why);
  if (!is_ending (self))
    self->handler.status (self->data, connected, sentence);
  g_free (sentence);
}

/* From here on: called by the library, in the thread. */
static void
on_connect (struct mosquitto *client, void *data, int code) {
  ClipmoeMqttLink *self = data;
  self->connected = code == 0;
  self->refused = code != 0;
  self->confirmed = code;
}

static void
on_publish (struct mosquitto *client, void *data, int mid) {
  ClipmoeMqttLink *self = data;
  for (guint i = 0; i < G_N_ELEMENTS (self->slots); i++) {
    Slot *slot = &self->slots[i];
    if (!slot->used || slot->mid != mid)
      continue;
    slot->used = FALSE;
    self->useful = TRUE;
    if (slot->number) {
      clipmoe_outbox_done (self->outbox, slot->number, TRUE);
    } else {
      g_mutex_lock (&self->lock);
      clipmoe_mqtt_retained_confirm (self->retained, slot->topic);
      g_mutex_unlock (&self->lock);
      g_clear_pointer (&slot->topic, g_free);
    }
    return;
  }
}

static void
on_message (struct mosquitto *client, void *data, const struct mosquitto_message *message) {
  ClipmoeMqttLink *self = data;
  if (is_ending (self))
    return;
  gsize length = message->payloadlen > 0 && message->payload ? (gsize)message->payloadlen : 0;
  gboolean empty = !length || length > CLIPMOE_MQTT_PAYLOAD;
  char *payload = g_strndup (empty ? "" : message->payload, empty ? 0 : length);
  if (g_str_equal (message->topic, self->available)) {
    if (!message->retain && g_str_equal (payload, "offline"))
      clipmoe_mqtt_link_repeat (self, self->available);
    g_free (payload);
    return;
  }
  self->handler.arrived (self->data, message->topic, payload, length, message->retain);
  g_free (payload);
}

/* What went wrong with TLS is only logged. The library logs neither user nor password. */
static void
on_log (struct mosquitto *client, void *data, int level, const char *text) {
  ClipmoeMqttLink *self = data;
  if (level != MOSQ_LOG_ERR)
    return;
  const char *last = strrchr (text, ':'); /* "OpenSSL Error[0]: error:0A000086:SSL routines::certificate …" */
  g_free (self->said);
  self->said = clipmoe_plain (g_str_has_prefix (text, "OpenSSL Error") && last ? last + 1 : text, -1);
  g_strstrip (self->said);
}

/* (transfer full): @code in words. */
static char *
describe (ClipmoeMqttLink *self, int code, int error) {
  if (self->refused) {
    char *text = g_strdup (mosquitto_connack_string (self->confirmed)), *end = text + strlen (text);
    if (end > text && end[-1] == '.')
      end[-1] = '\0';
    return text;
  }
  if (self->said)
    return g_strdup_printf ("no secure connection: %s", self->said);
  switch (code) {
  case MOSQ_ERR_ERRNO:
    return g_strdup_printf ("cannot be reached: %s", error ? g_strerror (error) : "the connection broke");
  case MOSQ_ERR_EAI:
    return g_strdup ("cannot be reached: there is no host of this name");
  case MOSQ_ERR_KEEPALIVE:
    return g_strdup ("gives no answer any more");
  case MOSQ_ERR_CONN_LOST:
  case MOSQ_ERR_NO_CONN:
    return g_strdup ("closed the connection");
  default:
    return g_strdup_printf ("%s", mosquitto_strerror (code));
  }
}

/* @client with everything that it needs to connect. FALSE: *why (transfer full). */
static gboolean
set_up (ClipmoeMqttLink *self, char **why) {
  const ClipmoeMqttAddress *address = &self->address;
  ClipmoeLogin login = {0};
  GError *error = NULL;
  if (address->login_file && !clipmoe_login_read (address->login_file, &login, &error)) {
    *why = g_strdup (error->message);
    g_error_free (error);
    return FALSE;
  }
  self->client = mosquitto_new (self->id, true, self);
  int code = self->client ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
  if (self->client) {
    mosquitto_connect_callback_set (self->client, on_connect);
    mosquitto_publish_callback_set (self->client, on_publish);
    mosquitto_message_callback_set (self->client, on_message);
    mosquitto_log_callback_set (self->client, on_log);
    code = mosquitto_will_set (self->client, self->available, 7, "offline", 1, true);
  }
  if (code == MOSQ_ERR_SUCCESS && (login.user || address->user))
    code = mosquitto_username_pw_set (self->client, login.user ? login.user : address->user, login.password);
  clipmoe_login_clear (&login);
  if (code == MOSQ_ERR_SUCCESS && address->tls)
    code = address->tls_ca ? mosquitto_tls_set (self->client, address->tls_ca, NULL, NULL, NULL, NULL)
                           : mosquitto_int_option (self->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
  if (code == MOSQ_ERR_SUCCESS)
    return TRUE;
  *why = code == MOSQ_ERR_INVAL && address->tls_ca
             ? g_strdup_printf ("%s: cannot be read, expected certificates (PEM)", address->tls_ca)
             : g_strdup (mosquitto_strerror (code));
  return FALSE;
}

/* Waits for the socket, for what others want, or for @us microseconds. */
static void
wait (ClipmoeMqttLink *self, gint64 us) {
  guint64 count;
  int fd = self->client ? mosquitto_socket (self->client) : -1;
  struct pollfd fds[2] = {{self->event, POLLIN, 0}, {fd, POLLIN, 0}};
  if (fd >= 0 && mosquitto_want_write (self->client))
    fds[1].events |= POLLOUT;
  poll (fds, fd >= 0 ? 2 : 1, (int)CLAMP (us / 1000 + 1, 1, 1000));
  if (fds[0].revents && read (self->event, &count, sizeof count) < 0)
    return;
}

/* One turn of the protocol. Returns the library's code; *error: errno of it. */
static int
turn (ClipmoeMqttLink *self, int *error) {
  errno = 0;
  int code = mosquitto_loop_read (self->client, 1);
  if (code == MOSQ_ERR_SUCCESS && mosquitto_want_write (self->client))
    code = mosquitto_loop_write (self->client, 1);
  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto_loop_misc (self->client);
  *error = errno;
  return code;
}

static Slot *
free_slot (ClipmoeMqttLink *self, gboolean retained) {
  for (guint i = retained ? 0 : WINDOW; i < (retained ? WINDOW : 2 * WINDOW); i++)
    if (!self->slots[i].used)
      return &self->slots[i];
  return NULL;
}

/* FALSE: it was not, and the slot is free again. */
static gboolean
publish (ClipmoeMqttLink *self, Slot *slot, const char *topic, const void *payload, gsize length, int qos,
         gboolean retain) {
  /* the library may confirm it before it returns, so the slot is complete before */
  slot->used = TRUE;
  int code = mosquitto_publish (self->client, &slot->mid, topic, (int)length, payload, qos, retain);
  if (code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_CONN_LOST ||
      code == MOSQ_ERR_ERRNO)
    return TRUE; /* the next turn says that the connection broke, and it is sent again */
  slot->used = FALSE;
  return FALSE;
}

static void
send_retained (ClipmoeMqttLink *self) {
  for (Slot *slot; (slot = free_slot (self, TRUE));) {
    GBytes *payload = NULL;
    gsize length = 0;
    g_mutex_lock (&self->lock);
    char *topic = clipmoe_mqtt_retained_next (self->retained, &payload);
    g_mutex_unlock (&self->lock);
    if (!topic)
      break;
    slot->number = 0;
    slot->topic = topic;
    const void *bytes = payload ? g_bytes_get_data (payload, &length) : NULL;
    if (!publish (self, slot, topic, bytes, length, 1, TRUE)) { /* no topic, or too long */
      g_mutex_lock (&self->lock);
      clipmoe_mqtt_retained_confirm (self->retained, topic);
      g_mutex_unlock (&self->lock);
      g_clear_pointer (&slot->topic, g_free);
    }
    g_clear_pointer (&payload, g_bytes_unref);
  }
}

static void
send_waiting (ClipmoeMqttLink *self) {
  ClipmoeMessage message;
  for (Slot *slot;
       (slot = free_slot (self, FALSE)) && clipmoe_outbox_take (self->outbox, &slot->number, &message);) {
    guint64 number = slot->number;
    char *topic = self->handler.topic (self->data, &message);
    if (!publish (self, slot, topic, message.body, strlen (message.body),
                  message.kind == CLIPMOE_MESSAGE_EVENT, FALSE))
      clipmoe_outbox_done (self->outbox, number, FALSE);
    g_free (topic);
    clipmoe_message_clear (&message);
  }
}

static void
ask_subscriptions (ClipmoeMqttLink *self) {
  g_mutex_lock (&self->lock);
  GPtrArray *wanted = self->wanted;
  self->wanted = g_ptr_array_new_with_free_func (g_free);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < wanted->len; i++) {
    const char *topic = wanted->pdata[i];
    if (*topic == '-')
      mosquitto_unsubscribe (self->client, NULL, topic + 1);
    else
      mosquitto_subscribe (self->client, NULL, topic, 1);
  }
  g_ptr_array_unref (wanted);
}

/* Everything as if nothing had been sent. */
static void
begin_anew (ClipmoeMqttLink *self) {
  for (guint i = 0; i < G_N_ELEMENTS (self->slots); i++) {
    self->slots[i].used = FALSE;
    g_clear_pointer (&self->slots[i].topic, g_free);
  }
  clipmoe_outbox_put_back (self->outbox);
  g_mutex_lock (&self->lock);
  clipmoe_mqtt_retained_repeat (self->retained, "");
  g_ptr_array_set_size (self->wanted, 0);
  for (guint i = 0; i < self->subscriptions->len; i++)
    g_ptr_array_add (self->wanted, g_strdup (self->subscriptions->pdata[i]));
  g_mutex_unlock (&self->lock);
}

/* From CONNECT to the broker's answer. FALSE: *why (transfer full). */
static gboolean
establish (ClipmoeMqttLink *self, char **why) {
  gint64 end = g_get_monotonic_time () + ANSWER;
  self->connected = self->refused = self->useful = FALSE;
  g_clear_pointer (&self->said, g_free);
  if (!set_up (self, why))
    return FALSE;
  errno = 0;
  int code = mosquitto_connect_async (self->client, self->address.host, self->address.port, KEEPALIVE),
      error = errno;
  while (code <= MOSQ_ERR_SUCCESS && !self->connected && !self->refused && g_get_monotonic_time () < end &&
         !is_ending (self)) {
    wait (self, G_USEC_PER_SEC / 5);
    code = turn (self, &error);
  }
  if (self->connected)
    return TRUE;
  *why = code > MOSQ_ERR_SUCCESS || self->refused || self->said ? describe (self, code, error)
                                                                : g_strdup ("gives no answer");
  return FALSE;
}

/* Nothing retained is on its way or waits. */
static gboolean
is_settled (ClipmoeMqttLink *self) {
  for (guint i = 0; i < WINDOW; i++)
    if (self->slots[i].used)
      return FALSE;
  g_mutex_lock (&self->lock);
  gboolean settled = !clipmoe_mqtt_retained_waits (self->retained);
  g_mutex_unlock (&self->lock);
  return settled;
}

/* Sends until the connection breaks (*why) or the link ends. */
static void
serve (ClipmoeMqttLink *self, char **why) {
  int code = MOSQ_ERR_SUCCESS, error = 0;
  gboolean leaving = FALSE;
  while (code == MOSQ_ERR_SUCCESS) {
    if (is_ending (self)) {
      if (!leaving)
        clipmoe_mqtt_link_retain (self, self->available, "offline");
      else if (is_settled (self) || g_get_monotonic_time () >= self->deadline)
        break;
      leaving = TRUE;
    }
    ask_subscriptions (self);
    send_retained (self);
    if (!leaving)
      send_waiting (self);
    wait (self, leaving ? G_USEC_PER_SEC / 50 : G_USEC_PER_SEC);
    code = turn (self, &error);
  }
  if (code == MOSQ_ERR_SUCCESS && is_settled (self))
    mosquitto_disconnect (self->client); /* else the broker sends the last will */
  *why = describe (self, code, error);
}

/* Between two attempts. */
static void
pause_for (ClipmoeMqttLink *self, gint64 delay) {
  gint64 until = g_get_monotonic_time () + (gint64)((double)delay * (1 - g_random_double () / 2)), now;
  while (!is_ending (self) && (now = g_get_monotonic_time ()) < until)
    wait (self, until - now);
}

static gpointer
run (gpointer data) {
  ClipmoeMqttLink *self = data;
  gint64 delay = FIRST_DELAY;
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, NULL); /* a connection that the broker closed */
  while (!is_ending (self)) {
    char *why = NULL;
    if (establish (self, &why)) {
      begin_anew (self);
      clipmoe_outbox_set_state (self->outbox, CLIPMOE_OUTBOX_FLOWS);
      tell (self, TRUE, NULL);
      serve (self, &why);
      if (self->useful)
        delay = FIRST_DELAY;
    }
    g_clear_pointer (&self->client, mosquitto_destroy);
    if (is_ending (self)) {
      g_free (why);
      break;
    }
    clipmoe_outbox_put_back (self->outbox);
    clipmoe_outbox_set_state (self->outbox, CLIPMOE_OUTBOX_CUT);
    tell (self, FALSE, why);
    g_free (why);
    pause_for (self, delay);
    delay = MIN (2 * delay, LONGEST_DELAY);
  }
  begin_anew (self);
  clipmoe_outbox_unref (self->outbox);
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  void (*ended) (gpointer data) = self->ended;
  gpointer ended_data = self->ended_data;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  if (ended)
    ended (ended_data);
  return NULL;
}

gboolean
clipmoe_mqtt_link_start (ClipmoeMqttLink *self, ClipmoeOutbox *outbox, GError **error) {
  self->outbox = outbox;
  self->thread = g_thread_try_new ("clipmoe-mqtt", run, self, error);
  return self->thread != NULL;
}

void
clipmoe_mqtt_link_stop (ClipmoeMqttLink *self, void (*ended) (gpointer data), gpointer data) {
  GThread *thread = self->thread;
  g_mutex_lock (&self->lock);
  self->deadline = g_get_monotonic_time () + GOODBYE;
  self->ending = TRUE;
  g_mutex_unlock (&self->lock);
  clipmoe_mqtt_link_wake (self);
  g_mutex_lock (&self->lock);
  while (!self->over && thread != g_thread_self ())
    if (!g_cond_wait_until (&self->changed, &self->lock, self->deadline + GOODBYE))
      break;
  gboolean over = self->over;
  if (!over) {
    self->ended = ended;
    self->ended_data = data;
  }
  g_mutex_unlock (&self->lock);
  if (over) {
    g_thread_join (thread);
    ended (data);
  } else {
    g_thread_unref (thread);
  }
}
