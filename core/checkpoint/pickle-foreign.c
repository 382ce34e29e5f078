/* Which names a pickle may mention without being understood. Nothing is ever called; the question is whether
 * an honest checkpoint can contain this name. Classes of trainers and libraries can occur: objects of them
 * are stored beside the weights and are skipped. Names that run commands, open files or load code do not
 * occur in one and are refused. */
#include "pickle-foreign.h"

#include <string.h>

/* Python's standard library, in this and earlier versions. Only what is listed below may be named of it. */
static const char python[] =
    "Bastion ConfigParser HTMLParser Queue SocketServer StringIO Tkinter UserDict UserList UserString "
    "__builtin__ __future__ _abc _aix_support _ast _asyncio _bisect _blake2 _bootsubprocess _bz2 _codecs "
    "_codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc "
    "_compat_pickle _compression _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime _dbm "
    "_decimal _elementtree _frozen_importlib _frozen_importlib_external _functools _gdbm _hashlib _heapq "
    "_imp _io _json _locale _lsprof _lzma _markupbase _md5 _msi _multibytecodec _multiprocessing _opcode "
    "_operator _osx_support _overlapped _pickle _posixshmem _posixsubprocess _py_abc _pydecimal _pyio "
    "_pyrepl _queue _random _scproxy _sha1 _sha256 _sha3 _sha512 _signal _sitebuiltins _socket _sqlite3 "
    "_sre _ssl _stat _statistics _string _strptime _struct _symtable _thread _threading_local _tkinter "
    "_tokenize _tracemalloc _typing _uuid _warnings _weakref _weakrefset _winapi _winreg _zoneinfo abc "
    "aifc antigravity anydbm argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb "
    "binascii binhex bisect builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd "
    "code codecs codeop collections colorsys commands compileall compiler concurrent configparser "
    "contextlib contextvars copy copy_reg copyreg crypt csv ctypes curses dataclasses datetime dbhash dbm "
    "decimal difflib dis distutils doctest dumbdbm dummy_thread dummy_threading email encodings ensurepip "
    "enum errno exceptions faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc "
    "gdbm genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http httplib "
    "idlelib ihooks imaplib imghdr imp importlib imputil inspect io ipaddress itertools json keyword "
    "lib2to3 linecache locale logging lzma macpath mailbox mailcap marshal math mimetypes mmap "
    "modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt nt_path ntpath nturl2path numbers "
    "opcode operator optparse os os2 ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform "
    "plistlib popen2 poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc "
    "pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets "
    "select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd "
    "sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess "
    "sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this thread "
    "threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle "
    "turtledemo types typing unicodedata unittest urllib urllib2 urlparse uu uuid venv warnings wave "
    "weakref webbrowser whichdb winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib "
    "zoneinfo";

/* Packages that exist to run or to load something. */
static const char runners[] =
    "IPython _pytest cffi cloudpickle cython Cython dill execnet fabric invoke joblib jupyter_client "
    "llvmlite numba paramiko pexpect pip pkg_resources plumbum psutil ptyprocess pytest requests "
    "setuptools sh urllib3 virtualenv wheel";

/* A module, names in it separated by spaces ("*": all without a dot), and what kind of value each becomes. */
typedef struct {
  const char *module, *names;
  ClipmoePickleInert inert;
} Listed;

static const Listed listed[] = {
    /* of Python: values and containers that trainers keep */
    {"argparse", "Namespace", CLIPMOE_PICKLE_PLAIN},
    {"array", "array _array_reconstructor", CLIPMOE_PICKLE_PLAIN},
    {"builtins",
     "set frozenset slice range complex bytearray bytes str int float bool list dict tuple object type "
     "Ellipsis NotImplemented len max min sum abs round sorted reversed enumerate zip any all print "
     "repr iter next BaseException Exception ArithmeticError AssertionError AttributeError "
     "FileNotFoundError IndexError KeyError KeyboardInterrupt LookupError NotImplementedError OSError "
     "OverflowError RuntimeError StopIteration TypeError ValueError ZeroDivisionError",
     CLIPMOE_PICKLE_PLAIN},
    {"__builtin__",
     "set frozenset slice range xrange complex bytearray bytes str unicode int long float bool list "
     "dict tuple object type Ellipsis NotImplemented len max min sum abs round sorted reversed "
     "enumerate zip any all print repr iter next",
     CLIPMOE_PICKLE_PLAIN},
    {"exceptions", "*", CLIPMOE_PICKLE_PLAIN},
    {"collections", "Counter deque ChainMap UserDict UserList UserString", CLIPMOE_PICKLE_PLAIN},
    {"collections.abc", "*", CLIPMOE_PICKLE_PLAIN},
    {"UserDict", "UserDict IterableUserDict", CLIPMOE_PICKLE_PLAIN},
    {"UserList", "UserList", CLIPMOE_PICKLE_PLAIN},
    {"_codecs", "encode", CLIPMOE_PICKLE_PLAIN}, /* how bytes are written in the protocols below 3 */
    {"datetime", "*", CLIPMOE_PICKLE_PLAIN},
    {"zoneinfo", "ZoneInfo ZoneInfo._unpickle", CLIPMOE_PICKLE_PLAIN},
    {"time", "struct_time", CLIPMOE_PICKLE_PLAIN},
    {"decimal", "Decimal Context", CLIPMOE_PICKLE_PLAIN},
    {"fractions", "Fraction", CLIPMOE_PICKLE_PLAIN},
    {"enum", "*", CLIPMOE_PICKLE_PLAIN},
    {"functools", "partial partialmethod", CLIPMOE_PICKLE_PLAIN},
    {"inspect", "_empty Parameter Signature _ParameterKind", CLIPMOE_PICKLE_PLAIN},
    {"itertools", "chain count cycle islice repeat", CLIPMOE_PICKLE_PLAIN},
    {"logging", "getLogger Logger", CLIPMOE_PICKLE_PLAIN},
    {"math", "*", CLIPMOE_PICKLE_PLAIN},
    {"numbers", "*", CLIPMOE_PICKLE_PLAIN},
    {"operator", "itemgetter getitem add mul", CLIPMOE_PICKLE_PLAIN},
    {"_operator", "itemgetter getitem add mul", CLIPMOE_PICKLE_PLAIN},
    {"pathlib", "*", CLIPMOE_PICKLE_PLAIN},
    {"pathlib._local", "*", CLIPMOE_PICKLE_PLAIN},
    {"random", "Random", CLIPMOE_PICKLE_PLAIN},
    {"re", "_compile Pattern RegexFlag", CLIPMOE_PICKLE_PLAIN},
    {"types", "SimpleNamespace MappingProxyType NoneType GenericAlias", CLIPMOE_PICKLE_PLAIN},
    {"typing",
     "Any Callable Dict Generic Iterable List Literal Mapping Optional Sequence Set Tuple Type TypeVar Union",
     CLIPMOE_PICKLE_PLAIN},
    {"uuid", "UUID SafeUUID", CLIPMOE_PICKLE_PLAIN},
    /* of numpy: numbers and their types, generators' states; arrays, which might have been weights */
    {"numpy",
     "dtype bool_ bool8 bool int8 int16 int32 int64 int_ intc intp uint8 uint16 uint32 uint64 uint "
     "uintc uintp longlong ulonglong float16 float32 float64 float_ float128 half single double "
     "longdouble complex64 complex128 complex_ str_ bytes_ object_ void datetime64 timedelta64",
     CLIPMOE_PICKLE_PLAIN},
    {"numpy.dtypes", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.core.multiarray", "scalar", CLIPMOE_PICKLE_PLAIN},
    {"numpy._core.multiarray", "scalar", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random",
     "RandomState Generator MT19937 PCG64 PCG64DXSM Philox SFC64 SeedSequence __RandomState_ctor",
     CLIPMOE_PICKLE_PLAIN},
    {"numpy.random._pickle", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random.bit_generator", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random._mt19937", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random._pcg64", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random._philox", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random._sfc64", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy.random.mtrand", "*", CLIPMOE_PICKLE_PLAIN},
    {"numpy", "ndarray matrix recarray memmap", CLIPMOE_PICKLE_LOST},
    {"numpy.core.multiarray", "_reconstruct", CLIPMOE_PICKLE_LOST},
    {"numpy._core.multiarray", "_reconstruct", CLIPMOE_PICKLE_LOST},
    {"numpy.core.numeric", "_frombuffer", CLIPMOE_PICKLE_LOST},
    {"numpy._core.numeric", "_frombuffer", CLIPMOE_PICKLE_LOST},
    {"numpy.ma.core", "_mareconstruct MaskedArray", CLIPMOE_PICKLE_LOST},
    /* of torch: constants; tensors of kinds that are not read */
    {"torch",
     "memory_format layout dtype strided sparse_coo sparse_csr channels_last channels_last_3d "
     "contiguous_format preserve_format per_tensor_affine per_channel_affine per_tensor_symmetric "
     "per_channel_symmetric complex32 complex64 complex128 qint8 qint32 quint8 quint4x2 quint2x4 "
     "float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 Generator finfo iinfo",
     CLIPMOE_PICKLE_PLAIN},
    {"torch.serialization", "_get_layout", CLIPMOE_PICKLE_PLAIN},
    {"torch.torch_version", "TorchVersion", CLIPMOE_PICKLE_PLAIN},
    {"torch", "Tensor", CLIPMOE_PICKLE_LOST},
    {"torch._tensor", "Tensor _rebuild_from_type _rebuild_from_type_v2", CLIPMOE_PICKLE_LOST},
    {"torch._utils",
     "_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_nested_tensor "
     "_rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor _rebuild_xla_tensor "
     "_rebuild_meta_tensor_no_storage _rebuild_wrapper_subclass _rebuild_qtensor",
     CLIPMOE_PICKLE_LOST},
    {"torch.nn.parameter", "*", CLIPMOE_PICKLE_LOST},
};

/* Parts of torch whose classes stand in checkpoints: modules, optimisers, schedulers, samplers. */
static const char *const of_torch[] = {"torch.nn",
                                       "torch.optim",
                                       "torch.amp",
                                       "torch.cuda.amp",
                                       "torch.distributions",
                                       "torch.distributed.algorithms",
                                       "torch.distributed.fsdp",
                                       "torch.distributed.optim",
                                       "torch.utils.data",
                                       "torch._dynamo.eval_frame",
                                       "torch.ao.nn",
                                       "torch.ao.quantization"};

/* Whether @word is one of the words of @list, which spaces separate. */
static gboolean
among (const char *word, const char *list) {
  gsize n = strlen (word);
  for (const char *at = list; (at = strstr (at, word)); at += n)
    if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
      return TRUE;
  return FALSE;
}

/* Words of letters, digits and _ with one dot between them; what is not ASCII may be a letter. */
static gboolean
is_path (const char *text) {
  for (const char *p = text; *p; p++)
    if (*p == '.' ? p == text || p[-1] == '.' || !p[1]
                  : !(g_ascii_isalnum (*p) || *p == '_' || (guint8)*p >= 0x80))
      return FALSE;
  return *text && g_utf8_validate (text, -1, NULL);
}

/* Whether some part of it is a special name of Python (__globals__). */
static gboolean
has_machinery (const char *text) {
  char **words = g_strsplit (text, ".", 0);
  gboolean found = FALSE;
  for (char **w = words; *w && !found; w++)
    found = g_str_has_prefix (*w, "__") && g_str_has_suffix (*w, "__");
  g_strfreev (words);
  return found;
}

static gboolean
begins_with_part (const char *module, const char *part) {
  gsize n = strlen (part);
  return strncmp (module, part, n) == 0 && (!module[n] || module[n] == '.');
}

static gboolean
is_listed (const char *module, const char *name, ClipmoePickleInert *inert) {
  for (guint i = 0; i < G_N_ELEMENTS (listed); i++) {
    if (strcmp (module, listed[i].module) != 0)
      continue;
    if (strcmp (listed[i].names, "*") == 0 ? !strchr (name, '.') : among (name, listed[i].names)) {
      *inert = listed[i].inert;
      return TRUE;
    }
  }
  return FALSE;
}

/* Whether the name suggests an array or tensor: skipping one among the weights would lose a weight. */
static gboolean
is_tensor_like (const char *name) {
  static const char *const ends[] = {"tensor", "array", "parameter"}, *const begins[] = {"_rebuild",
                                                                                         "rebuild",
                                                                                         "_reconstruct"};
  char *lower = g_ascii_strdown (name, -1), *dot = strrchr (lower, '.');
  gboolean found = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    found |= g_str_has_suffix (lower, ends[i]) || g_str_has_prefix (dot ? dot + 1 : lower, begins[i]);
  g_free (lower);
  return found;
}

gboolean
clipmoe_pickle_inert (const char *module, const char *name, ClipmoePickleInert *inert) {
  if (!is_path (module) || !is_path (name) || has_machinery (name))
    return FALSE;
  if (is_listed (module, name, inert))
    return TRUE;
  char *first = g_strndup (module, strcspn (module, "."));
  gboolean ok = !among (first, python) && !among (first, runners) && strcmp (first, "numpy") != 0;
  if (ok && g_ascii_strcasecmp (first, "torch") == 0) {
    ok = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS (of_torch) && !ok; i++)
      ok = begins_with_part (module, of_torch[i]);
  } else if (ok && g_str_has_prefix (first, "__")) {
    ok = strcmp (first, "__main__") == 0 || strcmp (first, "__mp_main__") == 0;
  }
  *inert = is_tensor_like (name) ? CLIPMOE_PICKLE_LOST : CLIPMOE_PICKLE_CLASSES;
  g_free (first);
  return ok;
}
