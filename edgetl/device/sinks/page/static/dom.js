// Small things that the page's other files share.

/** An element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Writes a text where it has changed, so that nothing is laid out anew for nothing. */
export function write(id, text, kind = "") {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
  if ((place.dataset.kind ?? "") !== kind) place.dataset.kind = kind;
}

/** The colour in which a class's boxes are drawn. */
export function colour(id) {
  return `hsl(${(((id * 0.618034 + 0.33) % 1) * 360).toFixed(1)} 100% 57.5%)`;
}
