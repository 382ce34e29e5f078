"""The goals: onnxruntime's f32 time of the same model divided by ours, for each kind of processor."""

MODELS = ("B-32", "B-16", "L-14")
# (precision, mixture, batch): the ratio for each of MODELS
RATIOS = {
    "AVX-512": {
        ("f32", False, 1): (1.45, 1.18, 1.12), ("f32", False, 8): (1.10, 1.20, 1.22),
        ("half", False, 1): (2.7, 2.2, 2.1), ("half", False, 8): (2.0, 2.0, 2.0),
        ("int8", False, 1): (5.0, 4.0, 4.0), ("int8", False, 8): (3.9, 3.9, 3.9),
        ("f32", True, 1): (1.48, 1.25, 1.18), ("half", True, 1): (2.85, 2.4, 2.3), ("int8", True, 1): (5.5, 4.6, 4.4)},
    "AVX2": {
        ("f32", False, 1): (1.12, 1.10, 1.06), ("half", False, 1): (1.10, 1.08, 1.05), ("int8", False, 1): (2.05, 2.0, 2.0),
        ("f32", True, 1): (1.10, 1.04, 1.04), ("int8", True, 1): (2.05, 2.0, 2.0)}}
# Billions of operations of one picture, a multiply-add being two: dense, and of a mixture, two experts a token. All of
# them, also those of the last block that nothing needs: so a whole tower may reach a little more than the limit.
WORK = {"B-32": (8.82, 14.48), "B-16": (35.13, 57.45), "L-14": (162.0, 265.6)}
INT8 = {"AVX-512": 1.5, "AVX2": 1.05}  # against onnxruntime's own int8
# The weight products alone, of what their instructions reach in the same run; a mixture's of the dense model's share
PRODUCTS = {"AVX-512": {"f32": 0.86, "half": 0.77, "int8": 0.85}, "AVX2": {"f32": 0.87, "half": 0.87, "int8": 0.75}}
PRODUCTS_MIXTURE = 0.92
TWO_THREADS = 0.95                     # of the ratio that one thread has
TEXT = 12                              # times PyTorch at 77 tokens
PREPROCESS = 15                        # times Pillow, 1080p NV12
PREPROCESS_MS = {1080: 1.0, 2160: 2.4}  # on the machine that the goals were set on
# A query over a million vectors: times faster than these; ms beyond the first pass; times faster with a filter that leaves one row
# in a hundred; memory besides files
SEARCH = {"faiss flat": 3.5, "faiss fp16": 1.5}
SEARCH_BEYOND_MS, SEARCH_FILTER, SEARCH_MEMORY_MB = 5, 20, 60

# How far an embedding may be from onnxruntime's f32 (1 - cosine, worst picture). A mixture's router may choose otherwise
# where two experts are equal up to rounding. Another engine's int8 is its own affair, but must be the same model.
AWAY = {"f32": 1e-5, "half": 0.002, "int8": 0.015}
AWAY_MIXTURE, AWAY_PEER_INT8 = 1e-3, 0.05


def table():
    """Which of RATIOS fits this processor: full vectors of 512 bits with VNNI, or not."""
    flags = set()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("flags"):
                flags = set(line.split(":")[1].split())
                break
    wide = {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"} <= flags
    return "AVX-512" if wide else "AVX2"


def ratio(kind, precision, moe, batch, model):
    row = RATIOS[kind].get((precision, moe, batch))
    return row[MODELS.index(model)] if row and model in MODELS else None


def away(engine, precision, moe):
    if precision == "int8" and engine != "clipmoe":
        return AWAY_PEER_INT8
    return max(AWAY[precision], AWAY_MIXTURE if moe else 0)
