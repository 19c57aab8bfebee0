"""After a build: broken links, requests to other hosts, images without words or numbers,
heavy pages.

python book/check_html.py [folder]: one line for each fault, and exit code 1 if there is any.
"""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

CSS_URL = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)")
IMPORT = re.compile(r"@import\s+(?:url\(\s*)?[\"']?([^\"')\s;]+)")
# bytes that a page may load, without fonts and pictures; MathJax is 2.1 MB of 2.2
LIMIT, OF_FORMULAS, OF_THE_EXPLORER = 1_000_000, 2_200_000, 2_500_000
WITHOUT_NUMBERS = ("genindex.html",)  # its tables are columns of names
RELATIONS = {"author", "canonical", "license", "next", "prev"}  # of <link>, that load nothing


class Page(HTMLParser):
    """A page's ids, its links, what a browser fetches for it, and its images' alternative text."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        text = file.read_text("utf-8")
        self.ids, self.links, self.fetched, self.images = set(), [], CSS_URL.findall(text), []
        self.loaded, self.formulas = {file}, False
        # tables and pictures outside dropdowns, each with the boxes around it that have a number
        self.dropdowns, self.boxes, self.shown = 0, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given.get("id"), given.get("name")}
        self.links += filter(None, [given.get("href"), given.get("src")])
        self.fetched += filter(None, [given.get("src")])
        if tag == "link" and given.get("rel") not in RELATIONS:
            self.fetched.append(given.get("href", ""))
        if tag == "script" and given.get("src"):
            self.loaded |= styles_and_scripts(file_of(given["src"], self.file))
        if tag == "link" and given.get("rel") in ("stylesheet", "preload"):
            self.loaded |= styles_and_scripts(file_of(given.get("href", ""), self.file))
        classes = given.get("class", "").split()
        self.formulas |= "math" in classes
        self.dropdowns += tag == "details"
        if tag in ("figure", "table"):
            self.boxes.append([])
        if "caption-number" in classes:
            for box in self.boxes:
                box.append(self.getpos())
        if (tag == "table" or "_images/" in given.get("src", "")) and not self.dropdowns:
            self.shown.append((tag, self.getpos()[0], list(self.boxes)))
        if tag == "img":
            self.images.append((given.get("src", ""), given.get("alt", "")))

    def handle_endtag(self, tag):
        self.dropdowns -= tag == "details"
        if tag in ("figure", "table"):
            self.boxes.pop()

    def without_number(self):
        """Names of the tables and pictures that no text can refer to."""
        return [f"{tag} in line {line}" for tag, line, boxes in self.shown if not any(boxes)]


def file_of(link, file):
    """The file that a page or a style sheet names; a folder is none."""
    return (file.parent / unquote(urlsplit(link).path)).resolve()


def styles_and_scripts(file):
    """A file and those that it imports, as far as they are there."""
    if file.suffix not in (".css", ".js") or not file.is_file():
        return set()
    if file.suffix == ".js":
        return {file}
    imported = (file_of(link, file) for link in IMPORT.findall(file.read_text("utf-8")))
    return {file}.union(*map(styles_and_scripts, imported))


def heavy(page):
    """What a page says that loads too much; "" of one that does not."""
    limit = OF_THE_EXPLORER if page.file.name == "explorer.html" else LIMIT
    limit += OF_FORMULAS * page.formulas
    size = sum(file.stat().st_size for file in page.loaded)
    loads = f"loads {size / 1e6:.2f} MB of text, scripts and styles"
    return f"{loads}; the limit is {limit / 1e6:.1f} MB" if size > limit else ""


def faults(root):
    """(file, what is wrong with it), one by one."""
    # below _static are templates of the theme, not pages
    files = [file for file in root.rglob("*.html") if "_static" not in file.parts]
    pages = {file: Page(file) for file in files}
    alike = Counter(alt for page in pages.values() for source, alt in page.images if alt)
    for file, page in pages.items():
        yield from ((file, broken(link, file, pages)) for link in page.links)
        yield from ((file, f"fetches {url}") for url in page.fetched if urlsplit(url).netloc)
        yield file, heavy(page)
        if file.name not in WITHOUT_NUMBERS:
            yield from ((file, f"no caption with a number: {one}") for one in page.without_number())
        for source, alt in page.images:
            # without one of its own, an output's alternative text is its file's name
            if "_images/" in source and (len(alt) < 20 or alt.endswith((".png", ".svg"))):
                yield file, f"no words for {source}"
            elif "_images/" in source and alike[alt] > 1:
                yield file, f"{alike[alt]} images have the words of {source}"
    for file in root.rglob("*.css"):
        yield from ((file, f"fetches {url}") for url in CSS_URL.findall(file.read_text("utf-8")))


def broken(link, file, pages):
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return f"broken link {link}"
    missing = (
        parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
    )
    return f"no id for {link}" if missing else ""


def main(folder="_build/html"):
    root = Path(folder).resolve()
    if not (root / "index.html").exists():
        sys.exit(f"{folder} holds no book; build it first")
    found = sorted({f"{file.relative_to(root)}: {fault}" for file, fault in faults(root) if fault})
    print("\n".join(found) or f"{folder}: no faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
