"""How a query's time grows with the archive: each size has a process of its own, and rounds go through all sizes, so that what else
the machine does meets all of them alike. As a table, and as a curve in SVG. See `archive`."""
import math
import os
import statistics
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 64, 24, 24, 48
WITHIN = 1.1  # of ten times the time for ten times the rows


def sizes(most):
    """10,000 and ten times as many each, up to @most, which is the last."""
    return [10 ** e for e in range(4, 12) if 10 ** e < most] + [most]


def measure(queries, most):
    """[(rows, [ms])]: @queries makes and opens what is asked (archive_queries.Queries)."""
    running = []
    for rows in sizes(most):
        queries.ours.ask("make", queries.path(rows), rows, queries.o.embed)
        peer = queries.start_ours()
        queries.open(peer, rows)
        peer.ask("time", queries.k, 1, 3)  # reads all rows, so that they are in memory
        running.append((rows, peer, []))
    for _ in range(queries.o.rounds):
        for rows, peer, walls in running:
            n = max(2, min(50, 2000000 // rows))
            walls += list(map(float, peer.ask("time", queries.k, 1, n)))[0::2]
    for _, peer, _ in running:
        peer.close()
    return [(rows, sorted(walls)) for rows, _, walls in running]


def tell(measured, threads):
    """Prints the table, and whether the last step keeps the goal: whatever a query costs besides its rows shows in small archives,
    so the goal is about the two largest."""
    print("\nhow it grows, %d threads; load %.2f" % (threads, os.getloadavg()[0]))
    print("  %10s %10s %20s %10s %10s" % ("rows", "ms", "fastest .. 90 %", "ns a row", "growth"))
    before, good = None, True
    for rows, walls in measured:
        ms = statistics.median(walls)
        step = "" if before is None else "%.2f x for %.4g x" % (ms / before[1], rows / before[0])
        good = before is None or ms / before[1] <= WITHIN * rows / before[0]
        print("  %10d %10.2f %10.2f .. %-7.2f %9.1f  %s" % (
            rows, ms, walls[0], walls[(len(walls) * 9) // 10 - (len(walls) % 10 == 0)], ms * 1e6 / rows, step))
        before = rows, ms
    print("  the last step is linear within 10 %%: %s" % ("reached" if good else "BELOW"))
    sys.stdout.flush()
    return good


def short(rows):
    for unit, sign in (1000000, "M"), (1000, "k"):
        if rows >= unit:
            return "%g %s" % (rows / unit, sign)
    return "%g" % rows


def draw(measured, path, title):
    """Both axes logarithmic; beside the measured medians, a line of slope one through the last."""
    points = [(rows, statistics.median(walls)) for rows, walls in measured]
    # whole decades, and one at least
    lows = [math.floor(math.log10(min(p[i] for p in points)) + 1e-9) for i in (0, 1)]
    highs = [max(math.ceil(math.log10(max(p[i] for p in points)) - 1e-9), lows[i] + 1) for i in (0, 1)]
    inner = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(rows, ms):
        x, y = ((math.log10(v) - lows[i]) / (highs[i] - lows[i]) for i, v in enumerate((rows, ms)))
        return LEFT + x * inner[0], TOP + (1 - y) * inner[1]

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">' % (WIDTH, HEIGHT),
           "<title>%s</title>" % title.replace("&", "&amp;").replace("<", "&lt;"),
           '<rect width="%d" height="%d" fill="#fff"/>' % (WIDTH, HEIGHT)]
    for e in range(lows[0], highs[0] + 1):
        x, y = place(10.0 ** e, 10.0 ** lows[1])
        out.append('<path d="M%.1f %.1fV%d" stroke="#ddd"/>' % (x, y, TOP))
        out.append('<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>' % (x, y + 18, short(10.0 ** e)))
    for e in range(lows[1], highs[1] + 1):
        x, y = place(10.0 ** lows[0], 10.0 ** e)
        out.append('<path d="M%.1f %.1fH%d" stroke="#ddd"/>' % (x, y, WIDTH - RIGHT))
        out.append('<text x="%.1f" y="%.1f" text-anchor="end">%g ms</text>' % (x - 6, y + 4, 10.0 ** e))
    rows, ms = points[-1]  # the line begins where it enters the picture
    first = max(10.0 ** lows[0], rows * 10.0 ** lows[1] / ms)
    out.append('<path d="M%.1f %.1fL%.1f %.1f" stroke="#999" stroke-dasharray="5 4"/>' % (
        *place(first, ms * first / rows), *place(rows, ms)))
    out.append('<polyline points="%s" fill="none" stroke="#06c" stroke-width="2"/>' % " ".join("%.1f,%.1f" % place(*p) for p in points))
    for p in points:
        x, y = place(*p)
        out.append('<circle cx="%.1f" cy="%.1f" r="4" fill="#06c"/>' % (x, y))
        out.append('<text x="%.1f" y="%.1f" text-anchor="%s">%.3g ms</text>' % (
            x + (8 if x < WIDTH / 2 else -8), y + (16 if x < WIDTH / 2 else -8), "start" if x < WIDTH / 2 else "end", p[1]))
    out.append('<text x="%.1f" y="%d" text-anchor="middle">moments; dashed: linear</text></svg>' % (LEFT + inner[0] / 2, HEIGHT - 10))
    with open(path + ".part", "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")
    os.rename(path + ".part", path)
