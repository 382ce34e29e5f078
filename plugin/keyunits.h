/* Reads in coded pictures whether they stand alone. A container's mark is not believed: it is set on recovery
 * points from which a picture is whole only later, and missing where the container knows nothing. */
#ifndef CLIPMOE_KEY_UNITS_H
#define CLIPMOE_KEY_UNITS_H

#include <gst/gst.h>
#include "unit.h"

typedef struct _ClipmoeKeyUnits ClipmoeKeyUnits;

ClipmoeKeyUnits *clipmoe_key_units_new (void);
void clipmoe_key_units_free (ClipmoeKeyUnits *self);
/* Of the units that follow; NULL: unknown. */
void clipmoe_key_units_set_caps (ClipmoeKeyUnits *self, const GstCaps *caps);
/* What was seen is forgotten, but for parameter sets. */
void clipmoe_key_units_reset (ClipmoeKeyUnits *self);
/* Whether units of this kind are read at all. May become FALSE at a unit. */
gboolean clipmoe_key_units_known (const ClipmoeKeyUnits *self);
/* Whether a decoder of this kind holds pictures back to bring them into order. */
gboolean clipmoe_key_units_delayed (const ClipmoeKeyUnits *self);
/* One unit in order of decoding. @data may hold anything. */
ClipmoeUnit clipmoe_key_units_look (ClipmoeKeyUnits *self, const guint8 *data, gsize size);
/* H.264 numbers its pictures, and decoders make up those that are missing before a key picture that is no
 * start, some so many that the key picture itself is lost. FALSE: the unit looked at last has no such number.
 */
gboolean clipmoe_key_units_get_number (const ClipmoeKeyUnits *self, guint32 *number);
/* Whether the unit looked at last is a key picture with which a decoder begins anew by itself, and still
 * shows all of those before it. */
gboolean clipmoe_key_units_anew (const ClipmoeKeyUnits *self);
/* Whether its number does not go on from the one before it. */
gboolean clipmoe_key_units_restarted (const ClipmoeKeyUnits *self);
/* The same unit in a count in which the picture of the number @base has 0, in bytes of its own; NULL: not
 * possible. */
GByteArray *clipmoe_key_units_renumber (const ClipmoeKeyUnits *self, const guint8 *data, gsize size,
                                        guint32 base);

#endif
