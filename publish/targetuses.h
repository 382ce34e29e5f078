/* Which options a target has a use for, by its scheme. A library of its own: the commands read it without the
 * clients of brokers. */
#ifndef CLIPMOE_TARGET_USES_H
#define CLIPMOE_TARGET_USES_H

#include <glib.h>

/* Whether @target begins with a scheme that there is; a build may lack what sends to it all the same. */
gboolean clipmoe_target_is_known (const char *target);
/* @option: the name of a property of clipmoepublish, such as "tls-ca". TRUE for those that every target has a
 * use for; FALSE for the others where the scheme of @target is unknown. */
gboolean clipmoe_target_uses (const char *target, const char *option);

#endif
