"""Thresholds, and the weights of a sum of figures."""
import numpy as np


def balanced(values, there, threshold):
    """The mean of the share of absent queries that stand out, and of present ones that do not."""
    return 0.5 * ((values[~there] >= threshold).mean() + (values[there] < threshold).mean())


def threshold(values, there):
    """The one with the least balanced error, in the middle of the best stretch of 500 quantiles smoothed by five."""
    steps = np.quantile(values, np.linspace(0, 1, 501))
    errors = np.array([balanced(values, there, t) for t in steps])
    return steps[np.argmin(np.convolve(np.pad(errors, 2, mode="edge"), np.ones(5) / 5, mode="valid"))]


def weights(figures, there):
    """Logistic regression with both outcomes weighted alike: [n][k] to k weights, the largest of which is 1."""
    mean, deviation = figures.mean(0), figures.std(0)
    x = np.c_[(figures - mean) / deviation, np.ones(len(figures))]
    w = np.where(there, 0.5 / there.mean(), 0.5 / (~there).mean())
    b = np.zeros(x.shape[1])
    ridge = np.eye(len(b)) * 1e-3 * len(x)
    ridge[-1, -1] = 0
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ b))
        b -= np.linalg.solve((x * (w * p * (1 - p))[:, None]).T @ x + ridge, x.T @ (w * (p - there)) + ridge @ b)
    b = b[:-1] / deviation
    return b / np.abs(b).max()


def interval(values, there, names, at, draws, seed=0):
    """95 % of the balanced errors of redrawn classes: [(low, high)] for each row of @values with its threshold in @at, and of
    the ratios of the first to each other one."""
    random = np.random.default_rng(seed)
    classes, index = np.unique(names, return_inverse=True)
    errors = []
    for _ in range(draws):
        weight = np.bincount(random.integers(0, len(classes), len(classes)), minlength=len(classes))[index]
        errors.append([0.5 * (np.average(v[~there] >= t, weights=weight[~there]) +
                              np.average(v[there] < t, weights=weight[there])) for v, t in zip(values, at)])
    errors = np.array(errors)
    return np.quantile(errors, [0.025, 0.975], axis=0).T, np.quantile(errors[:, :1] / errors, [0.025, 0.975], axis=0).T
