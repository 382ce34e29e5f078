#!/usr/bin/python3
"""[PART...]: the page of `clipmoe serve` in a browser, as a person uses it: typing, filters, opening at the right second, more like this, a
picture that is dropped, the keyboard alone, a narrow screen, a file whose name is HTML, a file that the browser cannot play, a
token; and what a screen reader needs."""
import base64
import os
import shutil
import sqlite3
import sys
import time

import serving
from serving import HTML_NAME, SCENE, Place, Server, check, seconds

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("missing: python3-selenium")
    sys.exit(77)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    print("missing: chromium, chromium-driver")
    sys.exit(77)
TOKEN = "correct-horse-battery-staple"


class Browser:
    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,800", "--mute-audio",
                     "--user-data-dir=" + profile, "--autoplay-policy=no-user-gesture-required"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_script_timeout(seconds(30))
        self.driver.set_page_load_timeout(seconds(60))

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def open(self, url):
        self.driver.get(url)

    def js(self, text, *arguments):
        return self.driver.execute_script("return " + text, *arguments)

    def at(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def keys(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def wait(self, what, holds, timeout=20):
        """Checks that @holds () becomes true."""
        end, last = time.monotonic() + seconds(timeout), None
        while True:
            try:
                last = holds()
            except StaleElementReferenceException:
                last = None
            if last or time.monotonic() > end:
                return check(what, last, self.state())
            time.sleep(0.05)

    def state(self):
        return (self.driver.current_url, self.js("document.getElementById('status').textContent"), self.js("document.getElementById('trouble').textContent"),
                self.js("document.getElementById('viewer-note').textContent"), self.js("[video.src, video.readyState, video.currentTime]"),
                [line["message"] for line in self.driver.get_log("browser")][-3:])

    def names(self):
        return self.js("[...document.querySelectorAll('#grid .name')].map(e => e.textContent)")

    def hits(self):
        """How many hits of the newest query are shown."""
        return 0 if self.js("document.getElementById('grid').classList.contains('old')") else len(self.all("#grid .hit"))

    def clear(self):
        field = self.at("#q")
        field.click()
        field.send_keys(Keys.ESCAPE)
        self.wait("cleared", lambda: not self.all("#grid .hit") and self.at("#start").is_displayed())


def typing(b, server):
    b.open(server.url)
    b.wait("the start says what is in the archive", lambda: "moments of 4 files" in b.at("#counts").text)
    check("the field has the focus", b.js("document.activeElement.id") == "q")
    b.keys("a whe")
    b.wait("hits as one types", lambda: b.hits() >= 8)
    b.keys("el")
    b.wait("the address has the query", lambda: b.driver.current_url.endswith("/?q=a+wheel"))
    b.wait("and the status tells", lambda: "among" in b.at("#status").text and "moments" in b.at("#status").text)
    first = b.names()
    b.open(server.url + "?q=a+wheel")
    b.wait("the address brings the same back", lambda: b.names() == first and b.at("#q").get_attribute("value") == "a wheel")
    nothing = server.get("/api/search?q=a%20wheel")
    check("that nothing stands out is said", b.at("#nothing").is_displayed() != nothing["stands_out"])
    b.clear()


def filters(b, server):
    b.open(server.url + "?q=a+wheel")
    b.wait("all files", lambda: len(set(b.names())) == 4)
    b.at("#filters-button").click()
    check("filters are shown", b.at("#filters").is_displayed() and b.at("#filters-button").get_attribute("aria-expanded") == "true")
    b.at("input[name=path]").send_keys("*.avi")
    b.wait("filtered", lambda: set(b.names()) == {"old.avi"} and "path=" in b.driver.current_url)
    check("how many filters", b.at("#filters-count").text == "1")
    b.at("input[name=hours]").send_keys("99")
    b.wait("a filter that cannot be is explained", lambda: "hours" in b.at("#trouble").text.lower() or "99" in b.at("#trouble").text)
    b.at("input[name=hours]").send_keys(Keys.BACKSPACE, Keys.BACKSPACE)
    b.wait("and gone", lambda: set(b.names()) == {"old.avi"} and not b.at("#trouble").is_displayed())


def opening(b, server):
    moments = server.moments("scenes.webm")
    for moment in (moments[-1], moments[0]):
        b.open(server.url + "?q=a+wheel")
        b.wait("hits", lambda: b.hits())
        b.js("document.querySelector(`#grid .open[data-moment='${arguments[0]}']`).click()", moment[0])
        b.wait("the player stands at the moment", lambda: b.js("video.readyState >= 2 && Math.abs(video.currentTime - arguments[0]) < 0.15 && !video.seeking", moment[3]))
        check("in the original", "/video/" in b.js("video.src") and b.js("video.videoWidth") == 320, b.state())
        check("the address has the moment", "moment=%d" % moment[0] in b.driver.current_url)
        check("the timeline says where", abs(float(b.at("#timeline").get_attribute("aria-valuenow")) - moment[3]) < 0.2
              and abs(float(b.at("#timeline").get_attribute("aria-valuemax")) - 4 * SCENE) < 0.5)
        check("neighbours", len(b.all("#neighbours button")) >= 4 and b.at("#neighbours [aria-current]").get_attribute("data-moment") == str(moment[0]))
    width = b.js("timeline.getBoundingClientRect().width")
    webdriver.ActionChains(b.driver).move_to_element_with_offset(b.at("#timeline"), int(width / 4), 5).click().perform()
    b.wait("a click on the timeline goes there", lambda: abs(b.js("video.currentTime") - 3 * SCENE) < 0.5)
    b.all("#neighbours button")[1].click()
    b.wait("a neighbour", lambda: "moment=%d" % moments[1][0] in b.driver.current_url and abs(b.js("video.currentTime") - moments[1][3]) < 0.15)
    b.keys(Keys.ESCAPE)
    b.wait("closed", lambda: not b.js("viewer.open") and "moment=" not in b.driver.current_url)
    b.open(server.url + "?q=a+wheel&moment=%d" % moments[2][0])
    b.wait("an address with a moment opens it", lambda: b.js("viewer.open && Math.abs(video.currentTime - arguments[0]) < 0.15", moments[2][3]))
    b.driver.back()


def unplayable(b, server):
    moment = server.moments("old.avi")[1]
    clip = server.get("/api/moments/%d" % moment[0])["clip"]
    b.open(server.url + "?moment=%d" % moment[0])
    b.wait("a clip is made", lambda: b.js("video.src.endsWith('.webm') && video.readyState >= 2"), 90)
    b.wait("and stands at the moment", lambda: abs(b.js("video.currentTime") + clip["start"] - moment[3]) < 0.3)
    check("that is said", "clip" in b.at("#viewer-note").text, b.state())


def similar(b, server):
    b.open(server.url + "?q=a+wheel")
    b.wait("hits", lambda: b.hits())
    link = b.at("#grid .similar")
    moment = link.get_attribute("data-like")
    link.click()
    b.wait("more like this", lambda: b.driver.current_url.endswith("?like=" + moment) and b.hits()
           and b.at("#grid .open").get_attribute("data-moment") == moment)
    check("the query shows it", b.at("#like").is_displayed() and not b.at("#nothing").text.startswith("x"))
    b.at("#like button").click()
    b.wait("and it can be taken back", lambda: not b.at("#like").is_displayed() and b.at("#start").is_displayed())


def picture(b, server):
    place = server.place
    b.open(server.url)
    with open(place.query, "rb") as f:
        data = base64.b64encode(f.read()).decode()
    b.driver.execute_script("""
      const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0)), transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "query.png", {type: "image/png"}));
      for (const name of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(name, {bubbles: true, cancelable: true, dataTransfer: transfer}));""", data)
    b.wait("a picture that is dropped", lambda: b.hits() and b.at("#picture").is_displayed())
    expected = {h["moment"] for h in server.get("/api/search?limit=3", method="POST", body=open(place.query, "rb").read())["hits"][:3]}
    check("finds what it shows", int(b.at("#grid .open").get_attribute("data-moment")) in expected)
    check("the frame around it has gone", not b.at("#drop").is_displayed())
    b.keys("a wheel")
    b.wait("words beside it", lambda: "q=a+wheel" in b.driver.current_url and b.hits() and b.at("#picture").is_displayed())
    b.at("#picture button").click()
    b.wait("without it", lambda: not b.at("#picture").is_displayed() and b.hits())
    b.at("#file-input").send_keys(place.query)
    b.wait("a picture that is chosen", lambda: b.hits() and b.at("#picture").is_displayed())
    broken = os.path.join(place.top, "broken.png")
    with open(broken, "wb") as f:
        f.write(b"no picture at all")
    b.at("#file-input").send_keys(broken)
    b.wait("one that is none is refused in a sentence", lambda: b.at("#trouble").is_displayed() and len(b.at("#trouble").text) > 10)


def keyboard(b, server):
    b.open(server.url)
    b.wait("ready", lambda: b.js("document.activeElement.id") == "q")
    b.keys("a wheel")
    b.wait("hits", lambda: b.hits() >= 8)
    b.keys(Keys.ENTER)
    b.wait("Enter goes to the first hit", lambda: b.js("document.activeElement.dataset.moment === document.querySelector('#grid .open').dataset.moment"))
    b.keys(Keys.ARROW_RIGHT)
    order = b.js("[...document.querySelectorAll('#grid .open')].map(e => e.dataset.moment)")
    check("the next", b.js("document.activeElement.dataset.moment") == order[1])
    columns = b.js("getComputedStyle(document.getElementById('grid')).gridTemplateColumns.split(' ').length")
    b.keys(Keys.ARROW_DOWN)
    check("the one below", b.js("document.activeElement.dataset.moment") == order[min(1 + columns, len(order) - 1)])
    b.keys(Keys.ARROW_UP, Keys.ARROW_LEFT)
    here = b.js("document.activeElement.dataset.moment")
    b.keys(Keys.ENTER)
    b.wait("Enter opens", lambda: b.js("viewer.open") and "moment=" + here in b.driver.current_url)
    b.keys(Keys.ARROW_DOWN)
    b.wait("the next hit", lambda: "moment=" + order[order.index(here) + 1] in b.driver.current_url)
    b.js("timeline.focus()")
    before = b.js("Number(timeline.getAttribute('aria-valuenow'))")
    b.keys(Keys.HOME)
    b.wait("keys on the timeline", lambda: before == 0 or b.js("Number(timeline.getAttribute('aria-valuenow'))") < max(before, 0.01))
    b.keys(Keys.ESCAPE)
    b.wait("Escape closes, and the focus is on the hit", lambda: not b.js("viewer.open") and b.js("document.activeElement.classList.contains('open')"))
    b.keys("/")
    check("/ goes to the query", b.js("document.activeElement.id") == "q")
    b.keys(Keys.ESCAPE)
    b.wait("Escape clears it", lambda: not b.all("#grid .hit") and b.js("q.value") == "")


def narrow(b, server):
    b.size(360, 740)
    for path in ("", "?q=a+wheel", "?q=a+wheel&path=*", "?q=a+wheel&moment=%d" % server.moments("scenes.webm")[0][0]):
        b.open(server.url + path)
        b.wait("loaded at 360", lambda: not path or b.hits())
        if "moment" in path:
            b.wait("open at 360", lambda: b.js("viewer.open"))
        check("nothing wider than 360 px: %r" % path, b.js("document.documentElement.scrollWidth") <= 360 and b.js("viewer.scrollWidth") <= 360,
              b.js("[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80)).slice(0, 5)"))
    check("two columns", b.js("getComputedStyle(document.getElementById('grid')).gridTemplateColumns.split(' ').length") == 2)
    b.size(1200, 800)


def html_name(b, server):
    moment = server.moments(HTML_NAME)[0][0]
    b.open(server.url + "?q=a+wheel&moment=%d" % moment)
    b.wait("its name is text", lambda: HTML_NAME in b.names() and b.at("#viewer-name").text == HTML_NAME)
    check("and no element", not b.js("document.querySelector('img[onerror], img[src=x]')"))
    b.wait("it plays", lambda: b.js("video.readyState >= 2"))
    b.open(server.url + "?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    b.wait("nor is the query", lambda: b.hits() and not b.js("document.querySelector('img[src=x]')"))


def reader(b, server):
    b.open(server.url + "?q=a+wheel")
    b.wait("hits", lambda: b.hits())
    check("roles", b.at("form[role=search]") and b.at("#status").get_attribute("aria-live") == "polite" and b.at("#trouble").get_attribute("role") == "alert")
    unnamed = b.js("""[...document.querySelectorAll('a, button, input, [role=slider], dialog, ul')].filter(e => {
        const label = e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.textContent.trim() || [...e.labels ?? []].map(l => l.textContent).join('');
        return !label; }).map(e => e.outerHTML.slice(0, 100))""")
    check("everything that can be used has a name", unnamed == [], unnamed)
    label = b.at("#grid .open").get_attribute("aria-label")
    check("a hit says what and when", b.names()[0] in label and "score" in label, label)
    check("what is said of the page", b.js("document.documentElement.lang") == "en" and "a wheel" in b.driver.title)


def live(b, server):
    """A source that has run for an hour: its timeline is what is kept around the moment, and a click on it is another moment."""
    moments = server.moments("old.avi")
    with sqlite3.connect(os.path.join(server.place.store, "archive.sqlite")) as db:
        db.execute("UPDATE file SET path = NULL, source = ? WHERE file = ?", (b"door", server.files()["old.avi"]["file_id"]))
        db.executemany("UPDATE moment SET begins = begins + 3600000000000, ends = ends + 3600000000000, frame = frame + 3600000000000 WHERE moment = ?",
                       [m[:1] for m in moments])
        db.execute("UPDATE store SET change = change + 1")
    db.close()
    b.open(server.url + "?moment=%d" % moments[0][0])
    b.wait("the frame that was kept", lambda: b.js("viewer.open && !still.hidden && video.hidden") and "live" in b.at("#viewer-note").text)
    low, high = (float(b.at("#timeline").get_attribute("aria-value" + end)) for end in ("min", "max"))
    check("a timeline of what is there", low == 3600 and abs(high - low - 2 * SCENE) < 1 and b.at("#timeline .span").get_attribute("style").startswith("left: 0%"), low, high)
    width = b.js("timeline.getBoundingClientRect().width")
    webdriver.ActionChains(b.driver).move_to_element_with_offset(b.at("#timeline"), int(width * 0.4), 5).click().perform()
    b.wait("a click goes to the moment there", lambda: "moment=%d" % moments[-1][0] in b.driver.current_url)
    b.keys(Keys.ESCAPE)
    b.wait("closed", lambda: not b.js("viewer.open"))


def token(b, place):
    file = os.path.join(place.top, "token")
    with open(file, "w") as f:
        f.write(TOKEN + "\n")
    server = Server(place, "--token-file", file)
    b.open(server.url + "?q=a+wheel")
    b.wait("asks who is there", lambda: b.at("#token").is_displayed() and not b.all("#grid .hit"))
    b.at("#token input").send_keys(TOKEN, Keys.ENTER)
    b.wait("let in, and the token is not in the address", lambda: "token" not in b.driver.current_url and b.at("#start").is_displayed())
    b.open(server.url + "?q=a+wheel")
    b.wait("the browser remembers", lambda: b.hits() and b.js("document.querySelector('#grid img').complete"))
    check("scripts cannot read it", b.js("document.cookie") == "")
    server.stop()


def main():
    place = Place()
    browser = None
    try:
        server = Server(place)
        browser = Browser(os.path.join(place.top, "profile"))
        for test in (typing, filters, opening, unplayable, similar, picture, keyboard, narrow, html_name, reader, live):
            if not sys.argv[1:] or test.__name__ in sys.argv:
                test(browser, server)
        wrong = [line["message"] for line in browser.driver.get_log("browser") if "Content Security" in line["message"] or "Uncaught" in line["message"]]
        check("no script failed, and nothing from outside was wanted", wrong == [], wrong)
        server.stop()
        if not sys.argv[1:] or "token" in sys.argv:
            token(browser, place)
    finally:
        if browser:
            browser.driver.quit()
        place.remove()
    return serving.failed != 0


if __name__ == "__main__":
    sys.exit(main())
