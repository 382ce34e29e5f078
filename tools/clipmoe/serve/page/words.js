// Figures as people read them. Pure.

/** 75.3 s → "1:15"; an hour and more with hours. */
export function clock(seconds) {
  const s = Math.floor(seconds + 1e-6), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  const two = n => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** "1:15" or "1:15 to 1:20", and nothing for a picture. */
export function stretch(hit) {
  if (hit.picture) return "";
  const a = clock(hit.start), b = clock(hit.end);
  return a === b ? a : `${a} – ${b}`;
}

export function count(n, one, many) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A length of video: "12 min", "3.4 hours". */
export function span(seconds) {
  if (seconds < 90) return count(Math.round(seconds), "second", "seconds");
  if (seconds < 5400) return count(Math.round(seconds / 60), "minute", "minutes");
  return `${(seconds / 3600).toLocaleString("en", {maximumFractionDigits: 1})} hours`;
}

/** The local time of an RFC 3339 time. */
export function date(at) {
  return at ? new Date(at).toLocaleString([], {dateStyle: "medium", timeStyle: "short"}) : "";
}

/** The folder of a path, without its name. */
export function folder(path) {
  return path ? path.slice(0, path.lastIndexOf("/")) || "/" : "";
}

/** How far a hit stands out, in a sentence. */
export function figures(hit) {
  const n = (x, d) => x === null ? "not known" : x.toFixed(d);
  return `${n(hit.distance, 1)} spreads above the median of all moments, score ${n(hit.score, 2)}, cosine ${n(hit.cosine, 3)}`;
}

const FULL = 8; // spreads that fill a meter

/** How far a hit stands out, in percent of what fills a meter. */
export function percent(hit, least) {
  return Math.max(least, Math.min(100, 100 * (hit.distance ?? 0) / FULL));
}
