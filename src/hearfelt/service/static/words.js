// The words of the live page, which the page itself has in the reader's language.

export const WORDS = JSON.parse(document.getElementById("words").textContent);

/** Fill in a text's values, such as `{time}`. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
