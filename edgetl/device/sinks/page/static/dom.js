// Helpers for elements, texts and colours.

/** Makes an element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Writes a text and a kind into an element, only if they have changed: each change makes the browser lay out again. */
export function write(id, text, kind = "") {
  const node = document.getElementById(id);
  if (node.textContent !== text) node.textContent = text;
  if ((node.dataset.kind ?? "") !== kind) node.dataset.kind = kind;
}

/** Returns the colour in which the boxes of a class are drawn. */
export function colour(id) {
  return `hsl(${(((id * 0.618034 + 0.33) % 1) * 360).toFixed(1)} 100% 57.5%)`;
}
