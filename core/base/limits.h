/* Limits of untrusted input. What exceeds one is refused with CLIPMOE_ERROR_LIMIT or, where the number
 * makes no sense at all, CLIPMOE_ERROR_FORMAT. `clipmoe limits` prints them. */
#ifndef CLIPMOE_LIMITS_H
#define CLIPMOE_LIMITS_H

/* checkpoints */
#define CLIPMOE_MAX_HEADER 100000000 /* bytes; safetensors' own limit */
#define CLIPMOE_MAX_TENSORS 50000
#define CLIPMOE_MAX_DIMS 8
#define CLIPMOE_MAX_NAME 256 /* bytes */
#define CLIPMOE_MAX_BLOCKS 1000
#define CLIPMOE_MAX_EXPERTS 1024
#define CLIPMOE_MAX_FFN (1 << 20)
/* torch files */
#define CLIPMOE_MAX_PICKLE (64u << 20)        /* bytes */
#define CLIPMOE_MAX_PICKLE_MEMORY (32u << 20) /* bytes that its values take */
#define CLIPMOE_MAX_PICKLE_STACK 1000000
#define CLIPMOE_MAX_PICKLE_DEPTH 1000
#define CLIPMOE_MAX_ZIP_ENTRIES 200000
#define CLIPMOE_MAX_ZIP_DIRECTORY (48u << 20) /* bytes */
#define CLIPMOE_MAX_ZIP_NAME 1024             /* bytes */
/* files beside the weights */
#define CLIPMOE_MAX_JSON (16u << 20) /* bytes */
#define CLIPMOE_MAX_JSON_DEPTH 64
/* bytes of its parsed form: a few characters can become some hundred bytes of objects */
#define CLIPMOE_MAX_JSON_MEMORY (56u << 20)
#define CLIPMOE_MAX_VOCAB (64u << 20) /* bytes, also unpacked */
#define CLIPMOE_MAX_TOKENS 1000000
/* texts */
#define CLIPMOE_MAX_LIST_FILE (16u << 20) /* bytes */
#define CLIPMOE_MAX_LABELS 100000
#define CLIPMOE_MAX_LABEL 8192          /* bytes */
#define CLIPMOE_MAX_CLASSES (16u << 20) /* bytes of labels that a process makes GstAnalytics' classes of */
#define CLIPMOE_MAX_TEMPLATES 10000
#define CLIPMOE_MAX_EXAMPLES 256       /* pictures that show one label */
#define CLIPMOE_MAX_EXAMPLES_ALL 10000 /* of all labels of a list */
#define CLIPMOE_MAX_TEXT (1u << 20)    /* bytes */
/* pictures and frames */
#define CLIPMOE_MAX_SIDE 32768
#define CLIPMOE_MAX_PIXELS 100000000
#define CLIPMOE_MAX_PICTURE_FILE (512u << 20) /* bytes */
#define CLIPMOE_MAX_SCANS 200 /* of a progressive JPEG: each costs a walk over the whole picture */
/* what `clipmoe serve` is asked, and what its archive holds */
#define CLIPMOE_MAX_REQUEST_LINE 8192         /* bytes */
#define CLIPMOE_MAX_HEAD 32768                /* bytes of request line and headers */
#define CLIPMOE_MAX_ADDRESS 4096              /* bytes behind the `?` */
#define CLIPMOE_MAX_QUERY 1000                /* bytes of words */
#define CLIPMOE_MAX_QUERY_PICTURE (16u << 20) /* bytes */
#define CLIPMOE_MAX_SERVED_HITS 200
#define CLIPMOE_MAX_THUMBNAIL (1u << 20) /* bytes of one that is read */

#endif
