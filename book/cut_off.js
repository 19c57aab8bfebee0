// What a reader cannot see of the page as it is now, one line each.
() => {
  const found = [];
  const wide = document.documentElement.clientWidth;
  const paper = matchMedia("print").matches;
  const name = (one) => {
    const words = (one.alt || one.innerText || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `${one.tagName.toLowerCase()} "${words}"`;
  };
  // the nearest box that is narrower than what it holds
  const holder = (one) => {
    for (let box = one; box && box !== document.body; box = box.parentElement) {
      const hides = getComputedStyle(box).overflowX !== "visible";
      if (hides && box.scrollWidth > box.clientWidth + 1) return box;
    }
  };
  if (document.documentElement.scrollWidth > wide + 1) {
    found.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  }
  for (const one of document.querySelectorAll("article :is(table, img, pre, mjx-container)")) {
    const place = one.getBoundingClientRect();
    if (!place.width) {
      if (paper) found.push(`${name(one)} is not there`);
      continue;
    }
    const box = holder(one);
    const more = box && box.scrollWidth - box.clientWidth;
    if (!box) {
      if (place.left < -1) found.push(`${name(one)} begins left of the page`);
      if (place.right > wide + 1) found.push(`${name(one)} ends right of the page`);
    } else if (paper || !["auto", "scroll"].includes(getComputedStyle(box).overflowX)) {
      found.push(`${name(one)} is cut off by ${more} pixels`);
    } else if (one.tagName !== "PRE" && !box.classList.contains("scrolls")) {
      found.push(`${name(one)} scrolls by ${more} pixels, and nothing shows it`);
    }
  }
  return found;
}
