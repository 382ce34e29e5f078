#include "mqttbroker.h"

#include <string.h>
#include "homeassistant.h"
#include "topicnames.h"

#define SCORES_EVERY G_USEC_PER_SEC           /* a state in which scores alone are others */
#define PATIENCE ((gint64)2 * G_USEC_PER_SEC) /* with a callback that runs while its user leaves */

typedef struct {
  char *source, *level, *device;
  ClipmoeState *state;
  GPtrArray *users; /* of ClipmoeMqttUser */
  gboolean listed;  /* its labels are known, not only those that were seen */
  gboolean discovery, commands, pictures;
  gboolean lost;         /* its camera is */
  gint64 shown;          /* when its state was last, monotonic time */
  GHashTable *announced; /* topics of Home Assistant → payload */
} Source;

struct _ClipmoeMqttBroker {
  guint refs; /* of those that have not left; under registry_lock */
  gint holds; /* of the memory: a user each, and the connection */
  char *key, *prefix;
  ClipmoeOutbox *outbox;
  ClipmoeMqttLink *link;
  GMutex lock; /* guards what follows */
  GCond changed;
  GPtrArray *users;
  GHashTable *sources; /* name → Source */
  ClipmoeTopicNames *names;
  gboolean connected;
  char *trouble; /* what the last status said, for those who join later */
};

struct _ClipmoeMqttUser {
  gint refs;
  ClipmoeMqttBroker *broker;
  ClipmoeOutboxPort *port;
  ClipmoeMqttUserClass class;
  gpointer data;
  gboolean discovery, commands, pictures;
  gboolean left;    /* under the broker's lock, like the next one */
  GThread *calling; /* the thread that is in a callback of it */
};

static GMutex registry_lock;
static GHashTable *registry; /* key → ClipmoeMqttBroker */

static void
source_free (gpointer data) {
  Source *source = data;
  g_hash_table_unref (source->announced);
  g_ptr_array_unref (source->users);
  clipmoe_state_free (source->state);
  g_free (source->source);
  g_free (source->level);
  g_free (source->device);
  g_free (source);
}

static void
broker_unhold (gpointer data) {
  ClipmoeMqttBroker *self = data;
  if (!g_atomic_int_dec_and_test (&self->holds))
    return;
  clipmoe_mqtt_link_free (self->link);
  g_ptr_array_unref (self->users);
  g_hash_table_unref (self->sources);
  clipmoe_topic_names_free (self->names);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->trouble);
  g_free (self->prefix);
  g_free (self->key);
  g_free (self);
}

static void
user_unref (gpointer data) {
  ClipmoeMqttUser *self = data;
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  clipmoe_outbox_port_free (self->port);
  broker_unhold (self->broker);
  g_free (self);
}

static char *
topic_of (ClipmoeMqttBroker *self, const char *level, const char *rest) {
  return g_strconcat (self->prefix, "/", level, "/", rest, NULL);
}

/* (transfer full): those who may be called now. */
static GPtrArray *
users_of (GPtrArray *users) {
  GPtrArray *copy = g_ptr_array_new_with_free_func (user_unref);
  for (guint i = 0; i < users->len; i++) {
    ClipmoeMqttUser *user = users->pdata[i];
    g_atomic_int_inc (&user->refs);
    g_ptr_array_add (copy, user);
  }
  return copy;
}

/* FALSE: it left. Else call it, and end_call() after that. One thread after the other: who joins is told by
 * its own, perhaps while the connection's tells all. */
static gboolean
begin_call (ClipmoeMqttUser *user) {
  ClipmoeMqttBroker *self = user->broker;
  g_mutex_lock (&self->lock);
  while (user->calling && !user->left)
    g_cond_wait (&self->changed, &self->lock);
  gboolean ok = !user->left;
  if (ok)
    user->calling = g_thread_self ();
  g_mutex_unlock (&self->lock);
  return ok;
}

static void
end_call (ClipmoeMqttBroker *self, ClipmoeMqttUser *user) {
  g_mutex_lock (&self->lock);
  user->calling = NULL;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* From here on: handlers of the link. */
static char *
message_topic (gpointer data, const ClipmoeMessage *message) {
  ClipmoeMqttBroker *self = data;
  g_mutex_lock (&self->lock);
  const char *level = clipmoe_topic_names_get (self->names, message->source);
  char *topic = topic_of (self, level, message->kind == CLIPMOE_MESSAGE_EVENT ? "event" : "look");
  g_mutex_unlock (&self->lock);
  return topic;
}

static void
status (gpointer data, gboolean connected, const char *sentence) {
  ClipmoeMqttBroker *self = data;
  g_mutex_lock (&self->lock);
  self->connected = connected;
  g_free (self->trouble);
  self->trouble = connected ? NULL : g_strdup (sentence);
  GPtrArray *users = users_of (self->users);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < users->len; i++) {
    ClipmoeMqttUser *user = users->pdata[i];
    if (begin_call (user)) {
      user->class.status (user->data, connected, sentence);
      end_call (self, user);
    }
  }
  g_ptr_array_unref (users);
}

/* A message that the broker retains for a device of ours: is it still wanted? */
static void
check_announced (ClipmoeMqttBroker *self, const char *topic) {
  gboolean stale = FALSE;
  char **levels = g_strsplit (topic, "/", 5); /* PREFIX/COMPONENT/DEVICE/OBJECT/config */
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->sources);
  while (g_strv_length (levels) == 5 && !stale && g_hash_table_iter_next (&iter, NULL, &value)) {
    Source *source = value;
    stale = source->listed && source->discovery && g_str_equal (source->device, levels[2]) &&
            !g_hash_table_contains (source->announced, topic);
  }
  g_mutex_unlock (&self->lock);
  g_strfreev (levels);
  if (stale)
    clipmoe_mqtt_link_retain (self->link, topic, NULL);
}

static void
carry_out (ClipmoeMqttBroker *self, const char *source, GPtrArray *users, const ClipmoeCommand *command,
           const char *refused) {
  for (guint i = 0; i < users->len; i++) {
    ClipmoeMqttUser *user = users->pdata[i];
    if (!user->commands || !begin_call (user))
      continue;
    if (refused)
      user->class.refused (user->data, refused);
    else
      user->class.command (user->data, source, command);
    end_call (self, user);
  }
}

/* PREFIX/LEVEL/set/NAME */
static void
command (ClipmoeMqttBroker *self, const char *rest, const char *payload, gsize length, gboolean retained) {
  const char *set = strstr (rest, "/set/");
  char *level = set ? g_strndup (rest, (gsize)(set - rest)) : NULL, *name = NULL;
  GPtrArray *users = NULL;
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->sources);
  while (level && !users && g_hash_table_iter_next (&iter, NULL, &value)) {
    Source *source = value;
    if (g_str_equal (source->level, level)) {
      users = users_of (source->users);
      name = g_strdup (source->source);
    }
  }
  g_mutex_unlock (&self->lock);
  if (users) {
    ClipmoeCommand read = {0};
    GError *error = NULL;
    char *sentence = NULL;
    if (retained) /* it would be carried out with every connection again */
      sentence = g_strdup_printf ("%s/%s: a retained command is not carried out", self->prefix, rest);
    else if (!clipmoe_command_read (set + strlen ("/set/"), payload, length, &read, &error))
      sentence = g_strdup_printf ("%s/%s: %s", self->prefix, rest, error->message);
    if (!(retained && !length)) /* somebody takes the retained one away */
      carry_out (self, name, users, &read, sentence);
    g_clear_error (&error);
    clipmoe_command_clear (&read);
    g_free (sentence);
    g_ptr_array_unref (users);
  }
  g_free (name);
  g_free (level);
}

static void
arrived (gpointer data, const char *topic, const char *payload, gsize length, gboolean retained) {
  ClipmoeMqttBroker *self = data;
  gsize n = strlen (self->prefix);
  if (g_str_equal (topic, CLIPMOE_HOME_ASSISTANT_STATUS)) {
    if (g_str_equal (payload, "online"))
      clipmoe_mqtt_link_repeat (self->link, "");
  } else if (strncmp (topic, self->prefix, n) == 0 && topic[n] == '/') {
    command (self, topic + n + 1, payload, length, retained);
  } else if (retained && length) {
    check_announced (self, topic);
  }
}

/* From here on: what users say. With the lock held. */
static void
announce (ClipmoeMqttBroker *self, Source *source) {
  GHashTable *now = clipmoe_homeassistant_announce (source->state, self->prefix, source->level,
                                                    source->commands, source->pictures);
  GHashTableIter iter;
  gpointer topic, payload;
  g_hash_table_iter_init (&iter, source->announced);
  while (g_hash_table_iter_next (&iter, &topic, NULL))
    if (!g_hash_table_contains (now, topic))
      clipmoe_mqtt_link_retain (self->link, topic, NULL);
  g_hash_table_iter_init (&iter, now);
  while (g_hash_table_iter_next (&iter, &topic, &payload))
    clipmoe_mqtt_link_retain (self->link, topic, payload);
  g_hash_table_unref (source->announced);
  source->announced = now;
}

static void
show_state (ClipmoeMqttBroker *self, Source *source) {
  char *topic = topic_of (self, source->level, "state"), *json = clipmoe_state_to_json (source->state);
  clipmoe_mqtt_link_retain (self->link, topic, json);
  g_free (json);
  g_free (topic);
}

static void
show_available (ClipmoeMqttBroker *self, Source *source, const char *what) {
  char *topic = topic_of (self, source->level, "available");
  clipmoe_mqtt_link_retain (self->link, topic, what);
  g_free (topic);
}

static Source *
add_source (ClipmoeMqttBroker *self, const char *name) {
  Source *source = g_new0 (Source, 1);
  source->source = g_strdup (name);
  source->level = g_strdup (clipmoe_topic_names_get (self->names, name));
  source->device = clipmoe_homeassistant_device (self->prefix, name);
  source->state = clipmoe_state_new (name);
  source->users = g_ptr_array_new ();
  source->announced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (self->sources, source->source, source);
  return source;
}

static Source *
find_or_add (ClipmoeMqttBroker *self, const char *name) {
  Source *source = g_hash_table_lookup (self->sources, name ? name : "");
  return source ? source : add_source (self, name ? name : "");
}

/* The stream @name of @user, which is online from now on, unless its camera is lost. */
static Source *
source_of (ClipmoeMqttUser *user, const char *name) {
  ClipmoeMqttBroker *self = user->broker;
  Source *source = find_or_add (self, name);
  if (g_ptr_array_find (source->users, user, NULL))
    return source;
  if (!source->users->len)
    show_available (self, source, source->lost ? "offline" : "online");
  g_ptr_array_add (source->users, user);
  if (user->commands && !source->commands) {
    char *topic = topic_of (self, source->level, "set/+");
    clipmoe_mqtt_link_subscribe (self->link, topic);
    g_free (topic);
    source->commands = TRUE;
  }
  source->discovery = source->discovery || user->discovery;
  source->pictures = source->pictures || user->pictures;
  if (source->discovery) {
    clipmoe_mqtt_link_subscribe (self->link, CLIPMOE_HOME_ASSISTANT_STATUS);
    announce (self, source);
  }
  return source;
}

static void
show (ClipmoeMqttBroker *self, Source *source, ClipmoeStateChange change) {
  if (change == CLIPMOE_STATE_LABELS && source->discovery)
    announce (self, source);
  gint64 now = g_get_monotonic_time ();
  if (change == CLIPMOE_STATE_SAME || (change == CLIPMOE_STATE_SCORES && now - source->shown < SCORES_EVERY))
    return;
  source->shown = now;
  show_state (self, source);
}

void
clipmoe_mqtt_user_look (ClipmoeMqttUser *self, const ClipmoeLook *look) {
  g_mutex_lock (&self->broker->lock);
  if (!self->left) {
    Source *source = source_of (self, look->source);
    show (self->broker, source, clipmoe_state_look (source->state, look));
  }
  g_mutex_unlock (&self->broker->lock);
}

void
clipmoe_mqtt_user_event (ClipmoeMqttUser *self, const ClipmoeEvent *event) {
  g_mutex_lock (&self->broker->lock);
  if (!self->left) {
    Source *source = source_of (self, event->source);
    show (self->broker, source, clipmoe_state_event (source->state, event));
  }
  g_mutex_unlock (&self->broker->lock);
}

void
clipmoe_mqtt_user_labels (ClipmoeMqttUser *self, const char *name, const char *const *names,
                          const char *const *groups, guint n) {
  ClipmoeMqttBroker *broker = self->broker;
  g_mutex_lock (&broker->lock);
  if (!self->left) {
    Source *source = source_of (self, name);
    gboolean first = !source->listed;
    source->listed = TRUE;
    if (clipmoe_state_set_labels (source->state, names, groups, n) || first)
      show (broker, source, CLIPMOE_STATE_LABELS);
    if (first && source->discovery) { /* brings what an earlier process announced */
      char *all = clipmoe_homeassistant_all_of (source->device);
      clipmoe_mqtt_link_subscribe (broker->link, all);
      g_free (all);
    }
  }
  g_mutex_unlock (&broker->lock);
}

void
clipmoe_mqtt_user_camera (ClipmoeMqttUser *self, const char *name, const ClipmoeCamera *camera) {
  ClipmoeMqttBroker *broker = self->broker;
  g_mutex_lock (&broker->lock);
  if (!self->left) {
    find_or_add (broker, name)->lost = !camera->online;
    Source *source = source_of (self, name);
    show_available (broker, source, camera->online ? "online" : "offline");
    if (clipmoe_state_camera (source->state, camera))
      show_state (broker, source);
  }
  g_mutex_unlock (&broker->lock);
}

void
clipmoe_mqtt_user_picture (ClipmoeMqttUser *self, const char *name, GBytes *jpeg) {
  ClipmoeMqttBroker *broker = self->broker;
  g_mutex_lock (&broker->lock);
  if (!self->left) {
    const Source *source = source_of (self, name);
    char *topic = topic_of (broker, source->level, "snapshot");
    clipmoe_mqtt_link_retain_bytes (broker->link, topic, jpeg);
    g_free (topic);
  }
  g_mutex_unlock (&broker->lock);
}

/* Who shares: the same server, user, file of the login, certificates, prefix and outbox. */
static char *
key_of (const ClipmoeMqttAddress *a, const char *outbox) {
  return g_strdup_printf ("%d\n%s\n%u\n%s\n%s\n%s\n%s\n%s", a->tls, a->host, a->port, a->prefix,
                          a->user ? a->user : "", a->login_file ? a->login_file : "",
                          a->tls_ca ? a->tls_ca : "", outbox ? outbox : "");
}

static ClipmoeMqttBroker *
open_broker (const ClipmoeMqttAddress *address, const char *outbox, GError **error) {
  static const ClipmoeMqttHandler handler = {message_topic, status, arrived};
  ClipmoeMqttBroker *self = g_new0 (ClipmoeMqttBroker, 1);
  self->holds = 1;
  self->prefix = g_strdup (address->prefix);
  self->key = key_of (address, outbox);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->users = g_ptr_array_new ();
  self->sources = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, source_free);
  self->names = clipmoe_topic_names_new ();
  self->link = clipmoe_mqtt_link_new (address, &handler, self);
  char *target = g_strdup_printf ("mqtt %s %u %s %s", address->host, address->port, address->prefix,
                                  address->user ? address->user : "");
  self->outbox = clipmoe_outbox_new (outbox, target, clipmoe_mqtt_link_wake, self->link, error);
  g_free (target);
  if (self->outbox && clipmoe_mqtt_link_start (self->link, self->outbox, error))
    return self;
  if (self->outbox)
    clipmoe_outbox_unref (self->outbox);
  broker_unhold (self);
  return NULL;
}

ClipmoeMqttUser *
clipmoe_mqtt_broker_join (const ClipmoeMqttAddress *address, const char *outbox, guint room,
                          gboolean discovery, gboolean commands, gboolean pictures,
                          const ClipmoeMqttUserClass *class, gpointer data, GError **error) {
  char *key = key_of (address, outbox), *trouble = NULL;
  ClipmoeMqttUser *user = NULL;
  g_mutex_lock (&registry_lock);
  if (!registry)
    registry = g_hash_table_new (g_str_hash, g_str_equal);
  ClipmoeMqttBroker *self = g_hash_table_lookup (registry, key);
  if (!self && (self = open_broker (address, outbox, error)))
    g_hash_table_insert (registry, self->key, self);
  if (self) {
    self->refs++;
    g_atomic_int_inc (&self->holds);
    user = g_new0 (ClipmoeMqttUser, 1);
    *user = (ClipmoeMqttUser){
        1,     self, clipmoe_outbox_join (self->outbox, room), *class, data, discovery, commands, pictures,
        FALSE, NULL};
    g_mutex_lock (&self->lock);
    g_ptr_array_add (self->users, user);
    trouble = g_strdup (self->trouble);
    g_mutex_unlock (&self->lock);
  }
  g_mutex_unlock (&registry_lock);
  g_free (key);
  if (trouble && begin_call (user)) {
    class->status (data, FALSE, trouble);
    end_call (self, user);
  }
  g_free (trouble);
  return user;
}

ClipmoeOutboxPort *
clipmoe_mqtt_user_get_port (ClipmoeMqttUser *self) {
  return self->port;
}

/* Nothing is called any more, and no stream is the user's. */
static void
withdraw (ClipmoeMqttUser *self) {
  ClipmoeMqttBroker *broker = self->broker;
  gint64 end = g_get_monotonic_time () + PATIENCE;
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&broker->lock);
  self->left = TRUE;
  g_cond_broadcast (&broker->changed);
  g_ptr_array_remove (broker->users, self);
  g_hash_table_iter_init (&iter, broker->sources);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Source *source = value;
    if (g_ptr_array_remove (source->users, self) && !source->users->len) {
      /* the ends of events that were open do not come: they are not sent with all kinds of looks */
      source->lost = FALSE; /* it is not known any more */
      gboolean was = clipmoe_state_camera (source->state, NULL);
      if (clipmoe_state_close (source->state) || was)
        show_state (broker, source);
      show_available (broker, source, "offline");
    }
  }
  while (self->calling && self->calling != g_thread_self ())
    if (!g_cond_wait_until (&broker->changed, &broker->lock, end))
      break;
  g_mutex_unlock (&broker->lock);
}

guint64
clipmoe_mqtt_user_leave (ClipmoeMqttUser *self) {
  ClipmoeMqttBroker *broker = self->broker;
  g_mutex_lock (&broker->lock);
  gboolean mine = self->calling == g_thread_self (); /* a callback of ours leaves */
  g_mutex_unlock (&broker->lock);
  guint64 lost = clipmoe_outbox_port_leave (self->port, !mine);
  withdraw (self);
  g_mutex_lock (&registry_lock);
  gboolean last = --broker->refs == 0;
  if (last)
    g_hash_table_remove (registry, broker->key);
  /* with the lock: who opens the same broker now waits, and finds the outbox's file closed */
  if (last) {
    clipmoe_outbox_retire (broker->outbox); /* which the user's port still refers to */
    clipmoe_mqtt_link_stop (broker->link, broker_unhold, broker);
  }
  g_mutex_unlock (&registry_lock);
  return lost;
}

void
clipmoe_mqtt_user_free (ClipmoeMqttUser *self) {
  user_unref (self);
}
