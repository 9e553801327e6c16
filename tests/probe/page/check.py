"""The status page as a person meets it: `check.py ADDRESS TOKEN SERVER-PID PICTURES`."""

import os
import signal
import sys
import tempfile
import time

from browser import Browser

address, token, server, pictures = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.makedirs(pictures, exist_ok=True)
browser = Browser(tempfile.mkdtemp(prefix="page-"))
rows = "[...document.querySelectorAll('#list > li')]"
done = []


def holds(what, value, wanted=True):
    if value != wanted:
        browser.picture(f"{pictures}/failed.png")
        raise AssertionError(f"{what}: {value!r} instead of {wanted!r}")
    done.append(what)


def shows(what, text):
    browser.until(text)
    done.append(what)


def contrast():
    """The least contrast of any text that is seen, as WCAG has it."""
    return browser.js("""(() => {
      const lum = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b; };
      const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
      let least = 99, who = '';
      for (const node of document.querySelectorAll('body *')) {
        if (![...node.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || node.offsetParent === null) continue;
        if (['SCRIPT', 'STYLE', 'OPTION'].includes(node.tagName) || node.classList.contains('hidden')) continue;
        let back = node, colour = [];
        while (back && (colour = parse(getComputedStyle(back).backgroundColor), colour.length === 4 && colour[3] === 0)) back = back.parentElement;
        const [a, b] = [lum(parse(getComputedStyle(node).color).slice(0, 3)), lum((back ? colour : [255, 255, 255]).slice(0, 3))].sort((x, y) => y - x);
        const ratio = (a + .05) / (b + .05);
        if (ratio < least) { least = ratio; who = `${node.tagName}.${node.className}: ${node.textContent.slice(0, 30)}`; }
      }
      return [least, who];
    })()""")


try:
    browser.look(1280, 900, dark=False)
    browser.call("Page.navigate", url=f"{address}/")
    browser.until(f"{rows}.length === 12")
    browser.until("document.getElementById('live').textContent === 'live'")

    # What is worst comes first; a name is text, whatever it looks like. A row says something once it is drawn.
    shows("the worst is first", f"{rows}[0].innerText.includes('unhealthy')")
    first = browser.js(f"{rows}[0].innerText")
    holds("the sentence is shown", "no space left" in first and "qemu" in first)
    holds("a name makes no markup", browser.js("document.querySelectorAll('#list img').length"), 0)
    shows("such a name is shown", "document.body.innerText.includes('<img src=x onerror=alert(1)>')")
    holds("every VM shows its four subsystems", browser.js(f"{rows}.every(row => row.querySelectorAll('.parts .tag').length >= 4)"))
    holds("the network is what ails the router",
          browser.js(f"{rows}.find(row => row.textContent.includes('router')).querySelector('.parts').textContent.includes('Network: degraded')"))

    for name, width, height, dark, mobile in [
        ("desktop-light", 1280, 900, False, False), ("desktop-dark", 1280, 900, True, False),
        ("phone-light", 390, 844, False, True), ("phone-dark", 390, 844, True, True), ("narrow", 320, 640, False, True),
    ]:
        browser.look(width, height, dark, mobile)
        time.sleep(0.3)
        browser.picture(f"{pictures}/{name}.png")
        wide = browser.js("document.documentElement.scrollWidth")
        holds(f"nothing hangs over at {name}", wide <= width, True)
        least, who = contrast()
        holds(f"everything can be read at {name} (contrast {least:.1f}, {who})", least >= 4.5)

    # By keyboard alone: search, the first VM, its recovery.
    browser.look(1280, 900, dark=False)
    browser.js("document.getElementById('search').focus()")
    browser.type("GAMING")
    browser.until(f"{rows}.length === 1")
    for _ in range(3):
        browser.key("Tab", 9)
    holds("the summary has the focus", browser.js("document.activeElement.tagName"), "SUMMARY")
    browser.key("Enter", 13, "\r")
    browser.until("document.querySelectorAll('#list svg').length >= 4")
    opened = browser.js(f"{rows}[0].textContent")
    holds("figures tell their source and why they are missing", "cpu.stat" in opened and "not known: the monitor hangs" in opened)
    holds("the plan is shown", "qm stop 102" in opened and "1 of 3 within the hour are used" in opened)
    browser.picture(f"{pictures}/opened.png")
    browser.look(390, 844, dark=True, mobile=True)
    time.sleep(0.3)
    browser.picture(f"{pictures}/opened-phone.png")
    holds("nothing hangs over when opened on a phone", browser.js("document.documentElement.scrollWidth") <= 390)
    browser.look(1280, 900, dark=False)
    browser.key("Tab", 9)
    holds("the button has the focus", browser.js("document.activeElement.textContent"), "Recover …")
    browser.key("Enter", 13, "\r")
    browser.until("document.getElementById('dialog').open")
    holds("the dialog shows what would be done", "qm stop 102" in browser.js("document.getElementById('dialog').innerText"))
    browser.type("wrong-token-wrong-token")
    browser.picture(f"{pictures}/recover.png")
    browser.key("Enter", 13, "\r")
    browser.until("document.getElementById('answer').innerText.includes('the token is wrong')")
    browser.js("document.getElementById('token').select()")
    browser.type(token)
    browser.key("Enter", 13, "\r")
    browser.until("!document.getElementById('dialog').open")
    browser.until("document.getElementById('said').textContent.length > 10")
    holds("the token is kept nowhere", browser.js("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"), '[{},{},""]')

    # Events arrive; a choice of status holds.
    browser.js("const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))")
    browser.until(f"{rows}.length === 12")
    browser.until("document.getElementById('said').textContent.includes('router: degraded')")
    browser.js("[...document.querySelectorAll('#chips button')].find(chip => chip.textContent.includes('stopped')).click()")
    browser.until(f"{rows}.length === 1 && {rows}[0].innerText.includes('spare')")
    browser.js("[...document.querySelectorAll('#chips button')].find(chip => chip.textContent.includes('in all')).click()")
    browser.until(f"{rows}.length === 12")

    # Nothing from elsewhere, nothing against the policy, no exception. (The wrong token is said as a failed request.)
    foreign = [url for url in browser.asked if not url.startswith((address, "about:", "data:"))]
    holds("nothing is loaded from elsewhere", foreign, [])
    holds("the browser complains of nothing", [line for line in browser.said if "401" not in line], [])

    # The daemon goes: the page says so, and since when.
    os.kill(server, signal.SIGTERM)
    browser.until("document.getElementById('live').textContent.startsWith('not live since')")
    browser.picture(f"{pictures}/lost.png")
    print(f"{len(done)} things hold; pictures in {pictures}")
finally:
    browser.close()
