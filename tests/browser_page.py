"""One of our pages in headless Chromium, and what can be asked of it there.

Playwright drives the Chromium of the system; a browser of its own is never downloaded.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SHAPES = """svg => {
  const frame = svg.getBoundingClientRect();
  const within = box => box.left >= frame.left - 2 && box.right <= frame.right + 2
    && box.top >= frame.top - 2 && box.bottom <= frame.bottom + 2;
  const drawn = [...svg.querySelectorAll('path, use, circle, rect, line, polyline')]
    .filter(shape => !shape.closest('defs, clipPath'))
    .map(shape => shape.getBoundingClientRect()).filter(box => box.width || box.height);
  const words = [...svg.querySelectorAll('text')].map(text => [text, text.getBoundingClientRect()]);
  const cut = words.filter(([, box]) => !within(box)).map(([text]) => text.textContent);
  const level = words.filter(([text]) => text.getCTM().b == 0);  // a slanted box is mostly empty
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;  // boxes are high above letters
  const collisions = level.flatMap(([text, box], i) => level.slice(i + 1)
    .filter(([, other]) => meet(box, other))
    .map(([other]) => [text.textContent, other.textContent]));
  return {width: frame.width, height: frame.height, drawn: drawn.length, cut, collisions};
}"""

FOCUSABLE = """() => [...document.querySelectorAll(
  'a[href], button, input, select, textarea, summary, video[controls], [tabindex="0"]')]
  .filter(element => element.checkVisibility())
  .map((element, i) => { element.dataset.stop = i; return element.outerHTML.slice(0, 80); })"""

FOCUSED = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const ringed = style.outlineStyle != 'none' && parseFloat(style.outlineWidth) > 0;
  return [element.dataset.stop, ringed || element.matches('video')];  // it rings its own buttons
}"""

SCROLLED = """() => [...document.querySelectorAll('body *')].filter(element =>
  element.scrollWidth > element.clientWidth + 1
  && ['auto', 'scroll'].includes(getComputedStyle(element).overflowX))
  .map(element => [element.outerHTML.slice(0, 80), element.tabIndex == 0
    && (element.matches('pre') || Boolean(element.ariaLabel))])"""

# Colours are blended from the bottom of all that lies under the middle of a word.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const luminance = colour => colour.slice(0, 3).map(value => value / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const own = element => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement) || element.matches('svg'))
      return rgba(style.backgroundColor);
    if (element.closest('text') || style.fill == 'none') return [0, 0, 0, 0];
    const [r, g, b, a] = rgba(style.fill);
    return [r, g, b, a * style.fillOpacity * style.opacity];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode()) {
    const text = texts.currentNode, element = text.parentElement;
    if (!text.data.trim() || element.closest('style, script')) continue;
    if (!element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getClientRects()[0];
    if (!box || box.right < 0 || box.left > innerWidth) continue;
    const stack = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!stack.includes(element)) continue;
    const behind = stack.reverse().reduce((below, one) => over(own(one), below), [255, 255, 255]);
    const style = getComputedStyle(element);
    const ink = over(rgba(element instanceof SVGElement ? style.fill : style.color), behind);
    const [light, dark] = [luminance(ink), luminance(behind)].sort((a, b) => b - a);
    found.push([(light + 0.05) / (dark + 0.05), text.data.trim().slice(0, 40)]);
  }
  return found;
}"""


def executable() -> str | None:
    """The path of the system's Chromium or Chrome, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A running browser without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(),
            args=["--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


class Opened:
    """A file opened at one width; what it logs and asks for is kept from the first moment on."""

    def __init__(self, browser: Browser, path: Path, width: int = 900, scheme: str = "light"):
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        self.logged: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.logged.append(message.text))
        self.page.on("pageerror", lambda error: self.logged.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri(), wait_until="load")
        self.page.wait_for_timeout(100)  # ms, for scripts that start after loading

    def unnamed(self) -> list[str]:
        """Pictures, regions, links and buttons without a name in the accessibility tree."""
        tree = self.page.context.new_cdp_session(self.page).send("Accessibility.getFullAXTree")
        roles = ("image", "img", "region", "link", "button", "graphics-document")
        return [
            f"{node['role']['value']} {node.get('backendDOMNodeId')}"
            for node in tree["nodes"]
            if not node["ignored"]
            and node["role"]["value"] in roles
            and not node["name"]["value"].strip()
        ]

    def figures(self) -> list[dict]:
        """Of each SVG picture: its size, how many shapes it shows, words cut off or colliding."""
        return [svg.evaluate(SHAPES) for svg in self.page.locator("svg:visible").all()]

    def photographs(self) -> list[dict]:
        """Of each visible raster picture: its own width, the width it is shown at, its text."""
        read = "i => ({own: i.naturalWidth, shown: i.getBoundingClientRect().width, alt: i.alt})"
        return [image.evaluate(read) for image in self.page.locator("img:visible").all()]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    def scrolled(self) -> list[tuple[str, bool]]:
        """Boxes that scroll sideways, and whether the keyboard reaches them and they have names."""
        return self.page.evaluate(SCROLLED)

    def headings(self) -> list[int]:
        """The levels of the headings in the order of the page."""
        read = "all => all.map(heading => Number(heading.tagName[1]))"
        return self.page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(read)

    def tab_through(self) -> tuple[list[str], dict[str, bool]]:
        """All that can be focused, and for each number that Tab reaches, whether it is seen."""
        stops = self.page.evaluate(FOCUSABLE)
        reached = {}
        inner = 8 * self.page.locator("video[controls]").count()  # a player's own buttons
        for _ in range(len(stops) + inner + 1):
            self.page.keyboard.press("Tab")
            number, seen = self.page.evaluate(FOCUSED)
            reached[number] = seen
        return stops, reached

    def ground(self) -> list[int]:
        """Red, green and blue of what lies behind the page's text."""
        colour = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]

    def contrasts(self) -> list[tuple[float, str]]:
        """The contrast ratio (WCAG 2) of every visible piece of text with what lies behind it."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size(self.page.viewport_size | {"height": height})
        return self.page.evaluate(CONTRAST)
