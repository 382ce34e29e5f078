"""What `meson install` puts in place works alone: library and headers for C and C++, the three plugin modules, the
command, the default model and the lists, with an empty home and nothing in the environment that points to a clone.

Runs alone: argument is the root of the clone. Closes with `N passed, N failed, N skipped`.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tests"))
import examples  # noqa: E402
import headers  # noqa: E402
import slow  # noqa: E402

passed = failed = skipped = 0

PROGRAM = r"""
#include <clipmoe/clipmoe.h>
#include <stdio.h>
int main (void) {
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (NULL, NULL, &error);
  ClipmoeEncoder *encoder = model ? clipmoe_encoder_new (model, NULL, &error) : NULL;
  float v[2][512], dot = 0;
  const char *words[] = {"a photo of a dog.", "a photo of a dog."};
  if (!encoder || !clipmoe_encoder_encode_texts (encoder, words, 2, v[0], NULL, &error))
    return fprintf (stderr, "%s\n", error->message), 1;
  for (int i = 0; i < 512; i++)
    dot += v[0][i] * v[1][i];
  printf ("%s %.4f\n", clipmoe_model_get_info (model)->name, dot);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
}
"""
NEVER = ["exit", "_exit", "_Exit", "quick_exit", "abort", "__assert_fail", "raise", "kill", "system", "popen", r"exec\w*",
         "v?fork", r"posix_spawn\w*", "dlopen", "dlmopen", r"g_spawn_\w+", r"g_module_\w+", r"g_subprocess_\w+", "socket",
         "connect", "bind", "getaddrinfo", r"g_socket_\w+", r"(?:__)?v?f?printf(?:_chk)?", "puts", "fputs", "putchar",
         "fwrite", "stdout", "stderr", "g_print", "g_printerr", "g_on_error_query"]
TAGGER_NEEDS = r"lib(?:c|m|glib-2\.0|gobject-2\.0|jansson|xxhash|z|clipmoe|clipmoegst-1\.0|gst(?:reamer|base|video|pbutils|analytics)-1\.0)\.so\.|ld-linux"
GST_PROGRAM = r"""
#include <clipmoe/gst/clipmoeframe.h>
#include <clipmoe/gst/clipmoegst.h>
#include <stdio.h>
int main (void) {
  gst_init (NULL, NULL);
  GstBuffer *buffer = gst_buffer_new ();
  printf ("%u\n", g_list_length (clipmoe_gst_buffer_get_looks (buffer)));
  gst_buffer_unref (buffer);
}
"""
GIR_LINE = """
import gi
gi.require_version("ClipmoeGst", "1.0")
from gi.repository import ClipmoeGst, Gst
Gst.init(None)
print(ClipmoeGst.buffer_get_looks(Gst.Buffer.new()))
"""
GST_HEADERS = ["clipmoeframe", "clipmoegst"]
HEADERS = ["clipmoe", "encoder", "engine", "error", "image", "labels", "mailbox", "model", "precision", "timeline", "tokenizer", "version"]
MODULES = {"gstclipmoe": ["clipmoetag", "clipmoebin", "clipmoesrc"], "gstclipmoeoverlay": ["clipmoeoverlay"], "gstclipmoepublish": ["clipmoepublish"],
           "gstclipmoeindex": ["clipmoeindex"], "gstclipmoepictures": []}


def check(name, ok, *why):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED:", name, *[str(w)[-1500:] for w in why])


def skip(name, why):
    global skipped
    skipped += 1
    print("SKIPPED: %s: %s" % (name, why))


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=slow.seconds(400), **more)


def files_below(folder):
    return {os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names}


def main():
    work = tempfile.mkdtemp()
    build, prefix, dest, home = (os.path.join(work, n) for n in ("build", "prefix", "dest", "home"))
    os.mkdir(home)
    # no variable that a developer's shell or this test's harness sets
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8", "GST_REGISTRY_FORK": "no"}
    r = run("meson", "setup", build, ROOT, "--prefix", prefix, "-Dtests=false", "-Dbuildtype=debug", "--werror", env=env)
    r = r if r.returncode else run("ninja", "-C", build, "-j2", env=env)
    r = r if r.returncode else run("meson", "install", "-C", build, "--no-rebuild", env=env)
    check("meson install", r.returncode == 0, r.stdout, r.stderr)
    if r.returncode:
        return
    staged = run("meson", "install", "-C", build, "--no-rebuild", "--destdir", dest, env=env)
    check("the same files with DESTDIR",
          staged.returncode == 0 and files_below(dest + prefix) == files_below(prefix), staged)

    lib = os.path.dirname(os.path.dirname(next(
        os.path.join(d, f) for d, _, names in os.walk(prefix) for f in names if f == "clipmoe.pc")))
    here = {os.path.relpath(os.path.join(prefix, f), prefix) for f in files_below(prefix)}
    below = os.path.relpath(lib, prefix)
    expected = {"bin/clipmoe", "libexec/clipmoe/clipmoe-bench", below + "/libclipmoe.so.0", below + "/pkgconfig/clipmoe.pc"}
    if os.path.exists(os.path.join(build, "tools", "clipmoe", "serve", "clipmoe-serve")):  # libsoup was there
        expected |= {"libexec/clipmoe/clipmoe-serve", "libexec/clipmoe/clipmoe-clip", "libexec/clipmoe/clipmoe-watch-page"}
    expected |= {"include/clipmoe/%s.h" % h for h in HEADERS}
    expected |= {below + "/libclipmoegst-1.0.so.0", below + "/pkgconfig/clipmoegst-1.0.pc"}
    expected |= {"include/clipmoe/gst/%s.h" % h for h in GST_HEADERS}
    expected |= {"%s/gstreamer-1.0/lib%s.so" % (below, m) for m in MODULES}
    for folder in ("clip-tiny", "default", "labels", "templates"):
        expected |= {"share/clipmoe/models/%s/%s" % (folder, f) for f in os.listdir(os.path.join(ROOT, "models", folder))}
    check("all of it is there", expected <= here, expected - here)
    unknown = [f for f in here if f.startswith("include/") and f not in expected]
    check("no header more", not unknown, unknown)

    for path in ["libclipmoe.so.0", "libclipmoegst-1.0.so.0"] + ["gstreamer-1.0/lib%s.so" % m for m in MODULES]:
        wanted = run("nm", "-D", "--undefined-only", os.path.join(lib, path)).stdout
        found = set(re.findall(r"\b(?:%s)\b" % "|".join(NEVER), wanted))
        check("%s neither exits nor prints nor starts a program nor opens a connection" % path,
              "g_" in wanted and not found, found)

    # what a box that only tags loads: no brokers, no drawing, no network
    for path in ["libclipmoegst-1.0.so.0", "gstreamer-1.0/libgstclipmoe.so"]:
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", os.path.join(lib, path)).stdout)
        others = [n for n in needed if not re.match(TAGGER_NEEDS, n)]
        check("%s needs GLib, GStreamer and core alone" % path, needed and not others, others)

    elsewhere = os.path.join(work, "elsewhere")
    os.mkdir(elsewhere)
    source = os.path.join(elsewhere, "ten.c")
    with open(source, "w") as f:
        f.write(PROGRAM)
    flags = run("pkg-config", "--cflags", "--libs", "clipmoe", env=dict(env, PKG_CONFIG_PATH=lib + "/pkgconfig"))
    r = run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", "ten", *flags.stdout.split(), cwd=elsewhere)
    check("a program is compiled with the pkg-config file", flags.returncode == 0 and r.returncode == 0, flags, r)
    r = run("./ten", cwd=elsewhere, env=dict(env, LD_LIBRARY_PATH=lib))
    check("it finds library and default model", r.returncode == 0 and re.fullmatch(r"\S+ 1\.0000\n", r.stdout), r)
    with open(source, "w") as f:
        f.write(GST_PROGRAM)
    flags = run("pkg-config", "--cflags", "--libs", "clipmoegst-1.0", env=dict(env, PKG_CONFIG_PATH=lib + "/pkgconfig"))
    r = run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", "looks", *flags.stdout.split(), cwd=elsewhere)
    check("a program that reads tags is compiled with its pkg-config file", flags.returncode == 0 and r.returncode == 0, flags, r)
    r = run("./looks", cwd=elsewhere, env=dict(env, LD_LIBRARY_PATH=lib))
    check("it runs", r.returncode == 0 and r.stdout == "0\n", r)
    if run("pkg-config", "--exists", "gobject-introspection-1.0").returncode == 0:
        check("the GIR is there", {below + "/girepository-1.0/ClipmoeGst-1.0.typelib", "share/gir-1.0/ClipmoeGst-1.0.gir"} <= here, here)
        r = run("/usr/bin/python3", "-c", GIR_LINE, cwd=elsewhere, env=dict(env, GI_TYPELIB_PATH=lib + "/girepository-1.0", LD_LIBRARY_PATH=lib))
        check("Python reads tags by it", r.returncode == 0 and r.stdout == "[]\n", r)
    else:
        skip("the GIR", "gobject-introspection is not installed")
    if shutil.which("g++"):
        for h in GST_HEADERS:
            r = run("g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-", *flags.stdout.split(),
                    input="#include <clipmoe/gst/%s.h>\nint main () {}\n" % h)
            check("C++ takes gst/%s.h alone" % h, r.returncode == 0, r)
    headers.check([prefix + "/include"], ["-I" + prefix + "/include"] + headers.glib(), check, skip)

    command = os.path.join(prefix, "bin", "clipmoe")
    user = dict(env, PKG_CONFIG_PATH=lib + "/pkgconfig", LD_LIBRARY_PATH=lib, GST_PLUGIN_PATH=lib + "/gstreamer-1.0")
    examples.check(ROOT, elsewhere, user, command, check)
    r = run(command, "model", "inspect", cwd=elsewhere, env=env)
    check("the command finds the default model and its card",
          prefix + "/share/clipmoe/models/default" in r.stdout and re.search(r"^use +\S", r.stdout, re.M), r)
    r = run(command, "model", "list", cwd=elsewhere, env=env)
    check("the installed models are listed", [l.split("\t")[0] for l in r.stdout.splitlines()] == ["clip-tiny", "default"] and
          "cannot be opened" not in r.stdout, r)
    r = run(command, "bench", "--seconds", "0.05", "--threads", "1", "--json", cwd=elsewhere, env=env)
    check("the command finds the program that measures, and that the default model",
          r.returncode == 0 and re.search(r'"model":"[\w-]+@[0-9a-f]{12}"', r.stdout) and not r.stderr, r)
    r = run(command, "bench", "--batch", "0", cwd=elsewhere, env=env)
    check("its exit status is the command's", r.returncode == 2 and r.stderr.startswith("clipmoe bench: --batch: "), r)
    os.rename(prefix + "/libexec/clipmoe", work + "/aside")
    r = run(command, "bench", cwd=elsewhere, env=env)
    check("without that program one sentence says which is missing", r.returncode == 1 and not r.stdout and
          r.stderr == "clipmoe: %s/libexec/clipmoe/clipmoe-bench: cannot run: No such file or directory\n" % prefix, r)
    os.rename(work + "/aside", prefix + "/libexec/clipmoe")
    r = run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=4", "!", "video/x-raw,width=96,height=64", "!", "pngenc",
            "snapshot=true", "!", "filesink", "location=bars.png", cwd=elsewhere, env=env)
    r = run(command, "tag", "--labels-file", "animals", "--threshold", "0", "bars.png", cwd=elsewhere, env=env)
    check("the command finds the plugin and the lists", r.returncode == 0 and "jellyfish" in r.stdout, r)
    for module, elements in MODULES.items():
        for element in elements:
            r = run("gst-inspect-1.0", element, cwd=elsewhere, env=dict(env, GST_PLUGIN_PATH=lib + "/gstreamer-1.0"))
            check("gst-inspect-1.0 shows %s" % element, r.returncode == 0 and "lib%s.so" % module in r.stdout, r)
    shutil.rmtree(work)


main()
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed != 0)
