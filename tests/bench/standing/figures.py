"""What a search knows of its hits, computed with NumPy: archive/bank.c, archive/reach.c and archive/standing.c must come to the same
(tests/archive/standing.py)."""
import numpy as np

NEAR = 3.0    # spreads of the bank's pairs of words: a word this close to the query is left out of the score
BEST = 10     # of the bank's words, that describe a hit best (CSLS)
HITS = 20     # that are looked at
FIRST = 5     # moments that the support is made of
SAMPLE, PART = 512, 4  # moments in which the words' reach is measured; each fourth of them shows how it grows
RULE = ("lead", "support", "common")  # the figures that the rule adds up


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


def sample(rows):
    """Evenly spaced ones of @rows moments, or all."""
    return np.arange(min(rows, SAMPLE)) * rows // min(rows, SAMPLE)


def reach(cosines, rows):
    """How high words reach among @rows moments: ((mean, deviation) of their best moment, the same of their best five), from their
    cosines with a sample of moments, [moments][words]."""
    def of(some, n):
        tops = np.sort(some, 0)[::-1][:n].mean(0)
        return tops.mean(), max(tops.std(), 1e-6)

    def steps(n):
        return np.sqrt(np.log(n))

    out, n, part = [], len(cosines), cosines[::PART]
    for first in (1, FIRST):
        mean, deviation = of(cosines, first)
        if rows > n and n > len(part):
            mean += (mean - of(part, first)[0]) / (steps(n) - steps(len(part))) * (steps(rows) - steps(n))
        out.append((mean, deviation))
    return out


def figures(bank, query, cosines, hits, vectors, reached):
    """Of the rows @hits, best first: a dict of arrays. @cosines: of all rows; @vectors: of the hits; @reached: as reach() says."""
    median, spread = lower_spread(cosines)
    c = cosines[hits]
    kept, common = bank.keep(query)
    words = vectors @ bank.vectors[kept].T
    top = words.max(1, keepdims=True)

    def background(scale):
        return top[:, 0] + np.log(np.exp(scale * (words - top)).mean(1)) / scale

    best = np.partition(words, -BEST, axis=1)[:, -BEST:].mean(1) if words.shape[1] > BEST else words.mean(1)
    deviation, one = words.std(1), np.ones(len(hits))
    (base, unit), (base5, unit5) = reached
    return {"cosine": c, "distance": (c - median) / spread,
            "score": 1 / (1 + np.exp(bank.scale * (background(bank.scale) - c))),
            "inverted softmax": c - background(2 * bank.scale),
            "CSLS": (2 * c - best - np.sort(cosines)[-BEST:].mean()) / deviation[:HITS].mean(),
            "CSLS, one-sided": (c - best) / deviation,
            "lead": (c - base) / unit, "support": one * (np.sort(cosines)[-FIRST:].mean() - base5) / unit5, "common": one * common}
