// What is searched for: in the address bar, so that a search can be sent to somebody, and in the form.

const NAMES = ["q", "like", "since", "until", "hours", "path", "source", "min-duration", "file"];
const FILTERS = ["since", "until", "hours", "path", "source", "min-duration", "file"];

/** {q: "…", like: "17", …, moment: "17"} of an address; what is empty is left out. */
export function read(search) {
  const given = new URLSearchParams(search), query = {};
  for (const name of [...NAMES, "moment"])
    if (given.get(name)) query[name] = given.get(name);
  return query;
}

/** "?q=red+van&moment=17", or "" */
export function write(query) {
  const out = new URLSearchParams();
  for (const name of [...NAMES, "moment"])
    if (query[name]) out.set(name, query[name]);
  const text = out.toString();
  return text ? `?${text}` : "";
}

/** The same for the API: without what is open, with a limit. */
export function ask(query, limit) {
  const out = new URLSearchParams();
  for (const name of NAMES)
    if (query[name]) out.set(name, query[name]);
  out.set("limit", limit);
  return `/api/search?${out}`;
}

export function countFilters(query) {
  return FILTERS.filter(name => query[name]).length;
}

export function isEmpty(query, picture) {
  return !query.q && !query.like && !picture;
}

/** What an answer that is no success says of itself. */
export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** The JSON at @url; throws a Refusal, or a TypeError where nobody answers. */
export async function get(url, options) {
  const answer = await fetch(url, options);
  if (answer.ok) return answer.json();
  let sentence = `the server answers ${answer.status}`;
  try {
    sentence = (await answer.json()).error || sentence;
  } catch { /* it is no JSON: the status has to do */ }
  throw new Refusal(answer.status, sentence);
}
