// The table of all sounds of a visit: sorted by any column, searched, and with a way to show, play or remove each.

const COLUMNS = [
  { name: "sound", value: (row) => row.name.toLowerCase() },
  { name: "emotion", value: (row) => row.emotion },
  { name: "confidence", value: (row) => -row.confidence },
  { name: "length", value: (row) => -row.duration_s },
];
const SEARCHED_FROM = 20; // rows
const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z"/></svg>';
const REMOVE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18"/></svg>';

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function made(name, properties = {}, ...children) {
  const one = Object.assign(document.createElement(name), properties);
  one.append(...children);
  return one;
}

let lastFocused = null; // what a button does and its row: outlives a table that Streamlit makes anew
document.addEventListener("focusin", ({ target }) => {
  const { does } = target.closest(".hf-sounds") ? target.dataset : {};
  lastFocused = does ? [does, target.closest("tr").dataset.key] : null;
});

class SoundTable {
  constructor(root, words) {
    this.words = words;
    [this.search, this.count, this.head, this.body] = ["input", ".hf-count", "thead tr", "tbody"].map((name) => root.querySelector(name));
    this.column = null; // in the order of arrival
    this.isReversed = false;
    this.search.oninput = () => this.draw();
    this.buttons = COLUMNS.map((column) => {
      const button = made("button", { type: "button", textContent: words[column.name], onclick: () => this.sort(column) });
      this.head.append(made("th", { scope: "col" }, button));
      return button;
    });
    this.head.append(made("td"));
  }

  load(data, send) {
    this.data = data;
    this.send = send;
    this.search.parentElement.hidden = data.rows.length < SEARCHED_FROM;
    this.draw();
  }

  sort(column) {
    this.isReversed = this.column === column && !this.isReversed;
    this.column = column;
    this.draw();
  }

  draw() {
    const wanted = this.search.value.trim().toLowerCase();
    const rows = this.data.rows.filter((row) => `${row.name} ${row.emotion}`.toLowerCase().includes(wanted));
    if (this.column) {
      const { value } = this.column;
      rows.sort((one, other) => (value(one) < value(other) ? -1 : value(one) > value(other) ? 1 : 0));
      if (this.isReversed) rows.reverse();
    }
    this.buttons.forEach((button, place) => {
      const isSorted = this.column === COLUMNS[place];
      button.parentElement.ariaSort = isSorted ? (this.isReversed ? "descending" : "ascending") : null;
    });
    this.count.textContent = wanted ? filled(this.words.found, { found: rows.length, all: this.data.rows.length }) : "";
    const focused = lastFocused;
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
    if (focused) this.body.querySelector(`tr[data-key="${focused[1]}"] [data-does="${focused[0]}"]`)?.focus();
  }

  row(row) {
    const sign = made("span", { className: "hf-sign", textContent: row.emoji, ariaHidden: "true" });
    const name = this.button("chosen", row, { textContent: row.name });
    if (row.key === this.data.chosen) name.ariaCurrent = "true";
    const play = this.button("played", row, { innerHTML: PLAY, ariaLabel: filled(this.words.play, row), className: "hf-icon" });
    const remove = this.button("removed", row, { innerHTML: REMOVE, ariaLabel: filled(this.words.remove, row), className: "hf-icon" });
    const line = made(
      "tr",
      { onclick: (event) => event.target.closest("button") || this.send("chosen", row.key) },
      made("th", { scope: "row" }, name),
      made("td", {}, sign, `\u00a0${row.emotion}`),
      made("td", { textContent: row.words }),
      made("td", { textContent: row.length }),
      made("td", { className: "hf-icons" }, play, remove),
    );
    line.dataset.key = row.key;
    return line;
  }

  button(does, row, properties) {
    const button = made("button", { type: "button", onclick: () => this.send(does, row.key), ...properties });
    button.dataset.does = does;
    return button;
  }
}

const tables = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".hf-sounds");
  if (!tables.has(root)) tables.set(root, new SoundTable(root, data.words));
  tables.get(root).load(data, setTriggerValue);
}
