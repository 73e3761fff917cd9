// Announces new results to screen readers, and scrolls to a result that is about another sound.

const RESULT = ".hf-notice, h1";
const EXPLANATION = ".st-key-hf-reasons h2";
const PATIENCE_MS = 8000; // Streamlit removes old widgets late, on a busy machine very late

export default function ({ data }) {
  const status = document.querySelector(".st-key-hf-status [role=status]");
  if (!status) return; // another view is shown by now
  const before = status.announced;
  status.announced = data;
  const isOther = before !== undefined && before.about !== data.about;
  const news = data.sentences.filter((one) => !before?.sentences.includes(one));
  if (isOther || news.length) status.textContent = (news.length ? news : data.sentences).join(" ");
  if (!isOther) {
    if (before && data.explained && data.explained !== before.explained) showExplanation();
    return;
  }

  const stage = document.querySelector(".st-key-hf-stage");
  const { top } = stage.getBoundingClientRect();
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (top < 0 || top > innerHeight / 2) stage.scrollIntoView({ behavior: isCalm ? "instant" : "smooth" });

  leaveResult(); // it is about an earlier sound
  keepFocus(() => stage.querySelector(RESULT));
}

/** Scroll to an explanation that was asked for: the button that did is gone. */
function showExplanation() {
  leaveResult(); // it took the focus when the button was gone
  keepFocus(() => document.querySelector(EXPLANATION), { block: "nearest" });
}

function leaveResult() {
  if (document.activeElement.matches(RESULT)) document.activeElement.blur();
}

let kept = 0; // number of the place that is to have the focus

/** Focus a place whenever the focus is lost, because what had it, such as an input that starts empty again, is gone. */
function keepFocus(find, scroll) {
  const own = (kept += 1);
  const until = performance.now() + PATIENCE_MS;
  const keep = () => {
    const place = find();
    if (place && document.activeElement === document.body) {
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
      if (scroll) place.scrollIntoView(scroll);
    }
    if (kept === own && performance.now() < until) setTimeout(keep, 100);
  };
  keep();
}
