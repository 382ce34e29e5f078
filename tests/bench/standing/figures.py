"""What a search knows of its hits, computed with NumPy: archive/bank.c and archive/standing.c must come to the same
(tests/archive/standing.py)."""
import numpy as np

NEAR = 3.0    # spreads of the bank's pairs of words: a word this close to the query is left out
BEST = 10     # of the bank's words, that describe a hit best
HITS = 20     # that the base is made of
SUPPORT = 5   # and of them those that the support is made of
RULE = ("lead", "support", "common", "level")  # the figures that the rule adds up


def lower_spread(values):
    median = np.median(values)
    return median, median - np.quantile(values, 0.1587)


class Bank:
    def __init__(self, vectors, scale):
        self.vectors, self.scale = vectors, scale
        pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
        self.mean, self.spread = pairs.mean(), pairs.std()

    def keep(self, query):
        """Which words are not left out, and how near the query is to all of them."""
        near = (self.vectors @ query - self.mean) / self.spread
        return near < NEAR, near.mean()


def figures(bank, query, cosines, hits, vectors):
    """Of the rows @hits, best first: a dict of arrays. @cosines: of all rows; @vectors: of the hits."""
    median, spread = lower_spread(cosines)
    c = cosines[hits]
    kept, common = bank.keep(query)
    words = vectors @ bank.vectors[kept].T
    top = words.max(1, keepdims=True)

    def background(scale):
        return top[:, 0] + np.log(np.exp(scale * (words - top)).mean(1)) / scale

    best = np.partition(words, -BEST, axis=1)[:, -BEST:].mean(1)
    mean, deviation = words.mean(1), words.std(1)
    unit, base, one = deviation[:HITS].mean(), best[:HITS].mean(), np.ones(len(hits))
    return {"cosine": c, "distance": (c - median) / spread,
            "score": 1 / (1 + np.exp(bank.scale * (background(bank.scale) - c))),
            "inverted softmax": c - background(2 * bank.scale),
            "CSLS": (2 * c - best - np.sort(cosines)[-BEST:].mean()) / unit,
            "CSLS, one-sided": (c - best) / deviation,
            "lead": (c - base) / unit, "support": one * (c[:SUPPORT].mean() - base) / unit, "common": one * common,
            "level": one * (median - mean[:HITS].mean()) / unit}
