// Tells what has become known: screen readers speak it, and where it is about something else, the answer comes into view.

const ANSWER = ".hf-notice, h1";
const WHY = ".st-key-hf-reasons h2";
const PATIENCE_MS = 2000; // Streamlit takes old widgets away late

export default function ({ parentElement, data }) {
  const status = parentElement.querySelector("[role=status]");
  const before = status.told;
  status.told = data;
  const isElse = before !== undefined && before.about !== data.about;
  const news = data.said.filter((one) => !before?.said.includes(one));
  if (isElse || news.length) status.textContent = (news.length ? news : data.said).join(" ");
  if (!isElse) {
    if (before && data.explained && data.explained !== before.explained) explain();
    return;
  }

  const stage = document.querySelector(".st-key-hf-stage");
  const { top } = stage.getBoundingClientRect();
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (top < 0 || top > innerHeight / 2) stage.scrollIntoView({ behavior: isCalm ? "instant" : "smooth" });

  if (document.activeElement.matches(ANSWER)) document.activeElement.blur(); // it is about an earlier sound
  attend(() => stage.querySelector(ANSWER), performance.now() + PATIENCE_MS);
}

/** Show the reasons that somebody asked for: the button that did is gone. */
function explain() {
  attend(() => document.querySelector(WHY), performance.now() + PATIENCE_MS, { block: "nearest" });
}

/** Focus a place whenever the focus is lost, because what had it, such as an input that begins empty again, is gone. */
function attend(find, until, scrolls) {
  const place = find();
  if (place && document.activeElement === document.body) {
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
    if (scrolls) place.scrollIntoView(scrolls);
  }
  if (performance.now() < until) setTimeout(() => attend(find, until, scrolls), 100);
}
