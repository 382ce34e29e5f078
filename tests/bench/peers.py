"""Processes that answer one line with one line until they are closed, so that measurements of several interleave: see ours.c."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ORT = "1.30.0"


class Failed(Exception):
    pass


class Peer:
    def __init__(self, name, command, cpus, env=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **(env or {})), preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def ask(self, *words):
        try:
            self.process.stdin.write("\t".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n").split("\t")
        except BrokenPipeError:
            answer = [""]
        if answer[0] != "ok":
            raise Failed("%s: %s" % (self.name, " ".join(answer[1:]) or "died at \"%s\"" % words[0]))
        return answer[1:]

    def time(self, what, n):
        """Of n runs: milliseconds on the wall, and of the processor."""
        values = list(map(float, self.ask("time", what, n)))
        return list(zip(values[0::2], values[1::2]))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ours(build, cpus, cache):
    """Its packed weights go to @cache: a user's own are not to make room for random ones."""
    command = os.path.join(build, "tests", "bench", "ours")
    if not os.path.exists(command):
        # quickstart builds without tests
        sys.exit("compare: %s is missing: meson setup %s; meson configure %s -Dtests=true && ninja -C %s"
                 % (command, build, build, build))
    return Peer("clipmoe", [command], cpus, {"XDG_CACHE_HOME": os.path.abspath(cache)})


def onnx(cache, cpus):
    """Fetched once. --ignore-scripts: the package brings its library along, and its script would fetch one for a GPU."""
    if not os.path.isdir(os.path.join(cache, "node_modules", "onnxruntime-node")):
        if not shutil.which("npm"):
            raise Failed("npm is missing")
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", cache,
                        "onnxruntime-node@" + ORT], check=True, stdout=sys.stderr)
    return Peer("onnxruntime", ["node", os.path.join(HERE, "onnx_peer.js"), cache], cpus)


def blas_core():
    """The kernels OpenBLAS must be told to take, or None: it falls back to old ones on processors it does not know, and
    those for AVX-512 die of an illegal instruction without it."""
    core = subprocess.run([sys.executable, "-c", "import ctypes; f = ctypes.CDLL('libopenblas.so.0').openblas_get_corename; "
                           "f.restype = ctypes.c_char_p; print(f().decode())"], stdout=subprocess.PIPE, text=True)
    if core.returncode:
        raise Failed("OpenBLAS is missing")
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        wide = "avx512bw" in f.read()
    known = core.stdout.strip().lower() in ("skylakex", "cooperlake", "sapphirerapids")
    return "SkylakeX" if wide and not known else None


def torch(cpus):
    """No page faults for every large array, and OpenMP's threads do not spin where OpenBLAS has threads of its own (107
    became 45 ms on two cores): a fair comparison."""
    env = {"OMP_WAIT_POLICY": "PASSIVE",
           "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "30000000000", "MALLOC_TOP_PAD_": "268435456",
           "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    core = blas_core()
    if core:
        env["OPENBLAS_CORETYPE"] = core
    return Peer("PyTorch", [sys.executable, os.path.join(HERE, "torch_peer.py")], cpus, env)
