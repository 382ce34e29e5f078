// The grid of hits, and going through it with arrow keys.
import {clock, date, figures, folder, percent, stretch} from "/words.js";
import {write} from "/query.js";

const grid = document.getElementById("grid");

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text; // never markup: names come from outside
  return e;
}

function card(hit, query) {
  const item = element("li", hit.stands_out ? "hit out" : "hit");
  const open = element("a", "open"), frame = element("div", "frame"), about = element("div", "about");
  open.href = `/${write({...query, moment: hit.moment})}`;
  open.dataset.moment = hit.moment;
  open.title = `${hit.file ?? hit.source}\n${figures(hit)}`;
  if (hit.thumb) {
    const image = element("img");
    image.src = hit.thumb;
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    frame.append(image);
  }
  if (hit.stands_out) frame.append(element("span", "badge", "stands out"));
  if (!hit.picture) frame.append(element("span", "when", clock(hit.time)));
  about.append(element("span", "name", hit.name));
  about.append(element("span", "where", [date(hit.at), folder(hit.file).split("/").pop()].filter(Boolean).join(" · ")));
  open.append(frame, about);
  open.setAttribute("aria-label",
    `${hit.name}${hit.picture ? ", a picture" : `, at ${stretch(hit)}`}${hit.stands_out ? ", stands out" : ""}, ${figures(hit)}`);

  const foot = element("div", "foot"), meter = element("div", "meter"), bar = element("i");
  const similar = element("a", "similar", "more like this");
  bar.style.width = `${percent(hit, 2)}%`;
  meter.title = figures(hit);
  meter.append(bar);
  similar.href = `/${write({like: hit.moment})}`;
  similar.dataset.like = hit.moment;
  similar.setAttribute("aria-label", `More like this: ${hit.name}${hit.picture ? "" : ` at ${clock(hit.time)}`}`);
  foot.append(meter, element("span", "figure", hit.distance === null ? "" : hit.distance.toFixed(1)), similar);
  item.append(open, foot);
  return item;
}

/** Shows @hits. The focus stays on the hit that has it, where that is still there. */
export function show(hits, query) {
  const had = document.activeElement?.dataset?.moment;
  grid.replaceChildren(...hits.map(hit => card(hit, query)));
  grid.classList.remove("old");
  if (had) focusOn(had);
}

export function clear() {
  grid.replaceChildren();
}

/** What is shown is of an earlier query. */
export function age() {
  grid.classList.add("old");
}

function links() {
  return [...grid.querySelectorAll(".open")];
}

/** FALSE: it is not there. */
export function focusOn(moment) {
  const link = links().find(l => l.dataset.moment === String(moment));
  link?.focus({preventScroll: false});
  return Boolean(link);
}

export function focusFirst() {
  links()[0]?.focus();
}

/** Moves the focus as an arrow key says. FALSE: it does not stand on a hit. "up" from the first row returns "out". */
export function move(key) {
  const all = links(), at = all.findIndex(l => l.closest(".hit").contains(document.activeElement));
  if (at < 0) return false;
  const top = l => l.getBoundingClientRect().top;
  const columns = all.filter(l => Math.abs(top(l) - top(all[0])) < 4).length;
  const to = at + {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key];
  if (to < 0) return key === "ArrowUp" ? "out" : true;
  (all[to] ?? (key === "ArrowDown" ? all[all.length - 1] : all[at])).focus();
  return true;
}
