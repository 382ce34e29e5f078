#!/usr/bin/python3
"""[--shots FOLDER]: the page of `clipmoe watch` in a browser: tiles that live, names and labels that are HTML, a narrow screen, dark and light, the
keyboard, what a screen reader is told, a token. With --shots it leaves pictures of itself."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "serve"))
import live  # noqa: E402
import page  # noqa: E402 (ends with 77 where no browser is)
import serving  # noqa: E402
import watching  # noqa: E402
from page import Keys  # noqa: E402
from serving import check  # noqa: E402
from watching import HTML_LABEL, HTML_NAME, TOKEN, Watch, cameras, path, write  # noqa: E402

SHOTS = sys.argv[sys.argv.index("--shots") + 1] if "--shots" in sys.argv else None


class Browser(page.Browser):
    def state(self):
        return (self.driver.current_url, self.js("document.body.innerText"), [line["message"] for line in self.driver.get_log("browser")][-3:])

    def colours(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def shot(self, name):
        if SHOTS:
            self.driver.save_screenshot(os.path.join(SHOTS, name + ".png"))


def tile(name, rest=""):
    return "[...document.querySelectorAll('.tile')].find(t => t.querySelector('.name').textContent === %r)%s" % (name, rest)


def lives(b, w):
    b.open(w.url)
    b.wait("a tile a camera, in order", lambda: b.js("[...document.querySelectorAll('.name')].map(e => e.textContent)") == [HTML_NAME, "yard", "lost"])
    b.wait("states", lambda: b.js("[...document.querySelectorAll('.word')].map(e => e.textContent)") == ["online", "online", "offline"])
    check("and why", len(b.js(tile("lost", ".querySelector('.since').textContent"))) > 30)
    b.wait("how many", lambda: b.at("#status").text == "2 of 3 online")
    b.wait("tags with scores", lambda: b.js("[...arguments[0].querySelectorAll('.label')].map(e => e.textContent)", b.js(tile("yard"))) and
           sorted(b.js(tile("yard", ".innerText")).split("\n")[-5:]) and len(b.js("[...document.querySelectorAll('.score')].map(e => e.textContent)")) == 4)
    b.wait("events", lambda: len(b.js("[...document.querySelectorAll('.events li')].map(e => e.textContent)")) == 4)
    b.wait("pictures of the two", lambda: b.js("[...document.images].filter(i => i.closest('.tile') && !i.hidden && i.naturalWidth === 640).length") == 2)
    first = b.js("document.querySelector('.tile img').src")
    b.wait("and others after them", lambda: b.js("document.querySelector('.tile img').src") != first and b.js("!document.querySelector('.tile img').hidden"))
    b.shot("light")


def html(b, w):
    check("a name and a label are text", HTML_LABEL in b.js("[...document.querySelectorAll('.label')].map(e => e.textContent)"))
    check("and no elements", not b.js("document.querySelector('img[onerror], .label *, .name *')"))


def keyboard(b, w):
    b.js("document.querySelector('.frame').focus()")
    b.keys(Keys.ARROW_RIGHT)
    check("arrows go from camera to camera", b.js("document.activeElement.closest('.tile').querySelector('.name').textContent") == "yard")
    b.keys(Keys.ENTER)
    b.wait("Enter enlarges", lambda: b.js("document.activeElement.getAttribute('aria-expanded')") == "true" and b.all(".tile.large"))
    b.keys(Keys.ESCAPE)
    b.wait("Escape takes it back", lambda: not b.all(".tile.large"))
    b.keys("p")
    check("p pauses", b.at("#pause").get_attribute("aria-pressed") == "true")
    b.keys("p")
    check("and goes on", b.at("#pause").get_attribute("aria-pressed") == "false")


def narrow(b, w):
    b.size(360, 740)
    b.colours("dark")
    b.open(w.url)
    b.wait("loaded at 360", lambda: len(b.all(".tags li")) == 4 and b.js("[...document.images].filter(i => i.naturalWidth === 640).length"))
    check("nothing wider than 360 px", b.js("document.documentElement.scrollWidth") <= 360,
          b.js("[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80)).slice(0, 5)"))
    check("one column", b.js("getComputedStyle(document.getElementById('cameras')).gridTemplateColumns.split(' ').length") == 1)
    dark = b.js("getComputedStyle(document.body).backgroundColor")
    b.shot("narrow")
    b.colours("light")
    check("dark and light", b.js("getComputedStyle(document.body).backgroundColor") != dark)
    b.size(1200, 800)
    b.open(w.url)


def reader(b, w):
    b.wait("tiles", lambda: len(b.all(".tags li")) == 4)
    unnamed = b.js("""[...document.querySelectorAll('a, button, input, ul')].filter(e => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
        || e.textContent.trim() || [...e.labels ?? []].map(l => l.textContent).join(''))).map(e => e.outerHTML.slice(0, 100))""")
    check("everything that can be used has a name", unnamed == [], unnamed)
    check("roles", b.at("#told").get_attribute("aria-live") == "polite" and b.at("#trouble").get_attribute("role") == "alert" and b.js("document.documentElement.lang") == "en")
    check("a picture says what it is of", b.js(tile("yard", ".querySelector('img').alt")) in ("", "What yard shows") and
          "yard" in b.js(tile("yard", ".querySelector('.frame').getAttribute('aria-label')")))
    with open(path("cameras.ini")) as f:
        text = f.read()
    write("cameras.ini", text.replace("labels = a;b", "labels = a;c"))
    w.reload()
    b.wait("events are told", lambda: "yard: " in b.js("document.getElementById('told').textContent"))
    b.wait("and shown", lambda: "c began" in b.js(tile("yard", ".querySelector('.events').textContent")))


def over(b, w):
    w.stop()
    b.wait("that nothing comes any more is said", lambda: b.at("#trouble").is_displayed())


def token(b):
    w = Watch(write("token.ini", cameras(9)), "--listen", "127.0.0.1:0", "--token-file", write("token", TOKEN + "\n"))
    b.open(w.url)
    b.wait("asks who is there", lambda: b.at("#token").is_displayed() and not b.all(".tile"))
    b.at("#token input").send_keys(TOKEN, Keys.ENTER)
    b.wait("let in, and the token is not in the address", lambda: "token" not in b.driver.current_url and len(b.all(".tile")) == 3)
    b.wait("pictures and events, too", lambda: b.all(".tags li") and b.js("[...document.images].some(i => i.naturalWidth === 640)"))
    w.stop()


def main():
    watching.make_video()
    browser, w = None, None
    try:
        w = Watch(write("cameras.ini", cameras(live.free_port(), more="listen = 127.0.0.1:0\n")))
        browser = Browser(path("profile"))
        for test in (lives, html, keyboard, narrow, reader):
            test(browser, w)
        wrong = [line["message"] for line in browser.driver.get_log("browser") if "Content Security" in line["message"] or "Uncaught" in line["message"]]
        check("no script failed, and nothing from outside was wanted", wrong == [], wrong)
        over(browser, w)
        token(browser)
    finally:
        if browser:
            browser.driver.quit()
        if w:
            w.process.kill()
        shutil.rmtree(watching.work, ignore_errors=True)
    return serving.failed != 0


if __name__ == "__main__":
    sys.exit(main())
