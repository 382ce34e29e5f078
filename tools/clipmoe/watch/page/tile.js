// One camera: its picture, state, tags and last events. Names and labels are text, never markup.

const EVENTS = 6;
const template = document.getElementById("tile");

/** The local time of an RFC 3339 time. */
function clock(at) {
  return at ? new Date(at).toLocaleTimeString() : "";
}

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

/** What an event says, for a list below the camera's name. */
export function words(event) {
  return event.type === "start" ? `${event.label} began` : `${event.label} ended`;
}

export class Tile {
  constructor(camera) {
    this.root = template.content.firstElementChild.cloneNode(true);
    this.id = camera.camera;
    this.name = camera.name;
    this.online = false;
    this.loading = false;
    this.seen = true; // on the screen
    for (const part of ["name", "word", "since", "frame", "none", "tags", "events"]) this[`${part}At`] = this.root.querySelector(`.${part}`);
    this.image = this.root.querySelector("img");
    this.root.dataset.camera = this.id;
    this.nameAt.textContent = this.name;
    this.nameAt.id = `name-${this.id}`;
    this.root.setAttribute("aria-labelledby", this.nameAt.id);
    this.frameAt.setAttribute("aria-label", `Picture of ${this.name}, larger`);
    this.frameAt.addEventListener("click", () => this.enlarge(!this.root.classList.contains("large")));
    this.image.addEventListener("load", () => this.loaded(true));
    this.image.addEventListener("error", () => this.loaded(false));
    this.show(camera);
  }

  /** All of it, as /api/cameras has it. */
  show(camera) {
    this.showState(camera);
    this.showTags(camera);
    this.eventsAt.replaceChildren(...camera.events.slice(0, EVENTS).map(e => this.eventItem(e)));
  }

  showState(state) {
    this.online = state.state === "online";
    this.root.classList.toggle("offline", !this.online);
    this.wordAt.textContent = state.state;
    this.sinceAt.textContent = this.online ? `since ${clock(state.since)}` : `since ${clock(state.since)}: ${state.reason ?? "not known why"}`;
    if (!this.online) this.loaded(false);
  }

  showTags(found) {
    this.tagsAt.replaceChildren(...found.tags.map(tag => {
      const item = element("li"), meter = element("meter");
      meter.max = 1;
      meter.value = tag.score;
      meter.setAttribute("aria-hidden", "true");
      item.append(element("span", "label", tag.label), meter, element("span", "score", tag.score.toFixed(2)));
      return item;
    }));
    this.tagsAt.hidden = !found.tags.length;
  }

  eventItem(event) {
    const item = element("li", event.type), time = element("time", "", clock(event.at));
    time.dateTime = event.at ?? "";
    item.append(time, " ", element("span", "", words(event)));
    return item;
  }

  addEvent(event) {
    this.eventsAt.prepend(this.eventItem(event));
    while (this.eventsAt.children.length > EVENTS) this.eventsAt.lastChild.remove();
  }

  enlarge(yes) {
    this.root.classList.toggle("large", yes);
    this.frameAt.setAttribute("aria-expanded", yes);
    if (yes) this.root.scrollIntoView({block: "nearest"});
  }

  /** Asks for the newest picture, unless one is on its way. */
  refresh(n) {
    if (!this.online || !this.seen || this.loading) return;
    this.loading = true;
    this.image.src = `/snapshot/${this.id}.jpg?n=${n}`;
  }

  loaded(ok) {
    this.loading = false;
    this.image.hidden = !ok;
    this.noneAt.hidden = ok;
    this.image.alt = ok ? `What ${this.name} shows` : "";
  }
}
