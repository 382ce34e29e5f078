/* Classes of characters, the sequences of them that hardly occur in any language, and one-byte encodings. */
#ifndef CLIPMOE_MOJIBAKE_TABLES_H
#define CLIPMOE_MOJIBAKE_TABLES_H

#include <glib.h>

/* In the order in which they are tried. */
enum {
  CLIPMOE_LATIN_1,
  CLIPMOE_WINDOWS_1252,
  CLIPMOE_WINDOWS_1257 = 6, /* those from 1252 to this one are encodings of Windows */
  CLIPMOE_MAC_ROMAN = 8,
  CLIPMOE_ONE_BYTE_ENCODINGS = 10
};

typedef struct {
  guint16 c;
  guint8 class;
} ClipmoeCharacterClass; /* sorted by c */

typedef struct {
  guint64 bits[2];
} ClipmoeClassSet;

typedef struct {
  guint8 length;
  gboolean at_start; /* only at the beginning of a text */
  ClipmoeClassSet sets[7];
} ClipmoeMojibakeRule;

extern const ClipmoeCharacterClass clipmoe_mojibake_classes[];
extern const guint clipmoe_mojibake_classes_n;
extern const guint8 clipmoe_mojibake_other, clipmoe_mojibake_other_word, clipmoe_mojibake_other_space;
extern const ClipmoeClassSet clipmoe_mojibake_lead_2, clipmoe_mojibake_lead_3, clipmoe_mojibake_lead_4,
    clipmoe_mojibake_continues, clipmoe_mojibake_continues_alone;
extern const ClipmoeMojibakeRule clipmoe_mojibake_rules[];
extern const guint clipmoe_mojibake_rules_n;
extern const guint16 clipmoe_one_byte[CLIPMOE_ONE_BYTE_ENCODINGS][128];

#endif
