/* A program that is started where it was built finds what belongs to it there. */
#ifndef CLIPMOE_BUILDFOLDER_H
#define CLIPMOE_BUILDFOLDER_H

#include "../clipmoe/error.h"

/* The build folder that this process' program lies in, or NULL: it is installed, or another program that uses
 * the library. Free with g_free(). */
char *clipmoe_build_folder (void);
/* The models of the source tree that @folder builds, as its marker says, or NULL. Free with g_free(). */
char *clipmoe_build_folder_models (const char *folder);

#endif
