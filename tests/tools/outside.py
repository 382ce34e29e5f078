#!/usr/bin/python3
"""Checks that the programs of a build folder find their own models and elements without any environment, from any folder and
through a link; and that a program elsewhere does not take a folder for a build folder."""
import os
import shutil
import subprocess
import sys
import tempfile

from PIL import Image

COMMAND, DMU = os.environ["CLIPMOE_COMMAND"], os.environ["CLIPMOE_DMU"]
TOP = tempfile.mkdtemp(prefix="clipmoe-outside-")
failed = 0


def run(*arguments, **more):
    environment = {k: v for k, v in os.environ.items() if k not in ("CLIPMOE_MODEL_PATH", "GST_PLUGIN_PATH", "XDG_DATA_HOME")}
    environment.update(HOME=TOP, XDG_CACHE_HOME=os.path.join(TOP, "cache"), GST_REGISTRY=os.path.join(TOP, "registry"), **more)
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, env=environment, cwd="/")


def check(name, holds, *why):
    global failed
    failed += not holds
    print("%s %s" % ("ok" if holds else "FAIL", name), *([] if holds else [str(w)[-800:] for w in why]))


def main():
    picture = os.path.join(TOP, "a.png")
    Image.new("RGB", (90, 70), (200, 120, 40)).save(picture)
    done = run(COMMAND, "tag", "--json", picture)  # the default model, the installed list, the element
    check("tag", done.returncode == 0 and done.stdout.count(b"\n") == 1, done)
    check("tag with elements of others in the path", run(COMMAND, "tag", picture, GST_PLUGIN_PATH="/nonexistent").returncode == 0)
    listed = run(COMMAND, "model", "list")
    check("model list", listed.returncode == 0 and b"default\t" in listed.stdout and b"clip-tiny\t" in listed.stdout, listed)
    link = os.path.join(TOP, "link")
    os.symlink(COMMAND, link)
    check("through a link", run(link, "model", "inspect").returncode == 0)
    done = run(DMU, "inspect", "default")
    check("clipmoe-dmu", done.returncode == 0, done)

    # the same program elsewhere, in folders of the same names, beside what is no marker and what is one
    build = os.path.dirname(os.path.dirname(os.path.dirname(COMMAND)))
    copy = os.path.join(TOP, "x", "tools", "clipmoe", "clipmoe")
    os.makedirs(os.path.dirname(copy))
    shutil.copy(COMMAND, copy)
    library = {"LD_LIBRARY_PATH": os.path.join(build, "core")}
    with open(os.path.join(build, "clipmoe-build.ini")) as f:
        marker = f.read()
    models = os.path.join(TOP, "models")
    os.makedirs(os.path.join(models, "labels"))
    shutil.copytree(os.path.join(os.environ["CLIPMOE_MODEL_PATH"], "clip-tiny"), os.path.join(models, "only-here"))
    real = [line for line in marker.splitlines() if line.startswith("models=")][0]
    for name, text, found in (("another file of that name", marker.replace("[clipmoe-build]", "[else]"), False), ("an empty one", "", False),
                              ("a marker", marker.replace(real, "models=" + models), True)):
        with open(os.path.join(TOP, "x", "clipmoe-build.ini"), "w") as f:
            f.write(text)
        listed = run(copy, "model", "list", **library)
        check(name, (b"only-here\t" in listed.stdout) == found, listed)
    other = os.path.join(TOP, "x", "tools", "clipmoe", "renamed")
    shutil.copy(COMMAND, other)
    check("another name", b"only-here\t" not in run(other, "model", "list", **library).stdout)
    shutil.rmtree(TOP, ignore_errors=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
