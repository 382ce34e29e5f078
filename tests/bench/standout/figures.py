"""What a search knows of its hits, computed with NumPy: archive/standing.c must come to the same."""
import numpy as np

NEAR = 3.0  # spreads of the bank's words among themselves: a word this close to the query is left out
BEST = 10   # of the bank's words, that describe a hit best
FIRST = 5   # hits that a search looks at for support


def lower_spread(values, axis=0):
    median = np.median(values, axis=axis)
    return median, median - np.quantile(values, 0.1587, axis=axis)


class Bank:
    def __init__(self, vectors, scale):
        self.vectors, self.scale = vectors, scale
        pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
        self.mean, self.spread = pairs.mean(), pairs.std()

    def kept(self, query):
        """Which words are not left out, and how near the query is to all of them."""
        near = (self.vectors @ query - self.mean) / self.spread
        return near < NEAR, near.mean()


def figures(bank, query, cosines, hits, pictures):
    """Of the rows @hits, best first: a dict of arrays."""
    median, spread = lower_spread(cosines)
    c = cosines[hits]
    kept, common = bank.kept(query)
    words = pictures[hits] @ bank.vectors[kept].T
    top = words.max(1, keepdims=True)
    background = top[:, 0] + np.log(np.exp(bank.scale * (words - top)).mean(1)) / bank.scale
    best = np.partition(words, -BEST, axis=1)[:, -BEST:].mean(1)
    mean, deviation = words.mean(1), words.std(1)
    rise = (c - mean) / deviation
    one = np.ones(len(hits))
    return {"cosine": c, "distance": (c - median) / spread, "score": bank.scale * (c - background), "rise": rise,
            "lead": (c - best) / deviation, "common": one * common, "support": one * rise[:FIRST].mean(),
            "support_c": one * c[:FIRST].mean(), "level": one * (median - mean[:FIRST].mean()) / deviation[:FIRST].mean(),
            "cz": (c - mean.mean()) / deviation.mean(), "cz_s": one * (c[:FIRST].mean() - mean.mean()) / deviation.mean(), "cz_3": one * (c[:3].mean() - mean.mean()) / deviation.mean(), "bz": one*0+(best.mean()-mean.mean())/deviation.mean(),
            "spr": one*np.log(spread/deviation.mean()), "leadm": (c - best.mean())/deviation.mean(), "leadm_s": one*(c[:FIRST].mean() - best.mean())/deviation.mean(), "clear": np.log(deviation / deviation.mean()), "confident": (best - mean) / deviation,
            "inverted": bank.scale * (c - background) * 2 if False else 2 * bank.scale * (c - top[:, 0] - np.log(np.exp(2 * bank.scale * (words - top)).mean(1)) / (2 * bank.scale))}
