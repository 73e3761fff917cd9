// The Live view: shows the service's live page at its full height, or says that it can't be reached; and passes on
// "Record instead", which both of them offer. The frame lies over its place in the view, but is no part of it: so what
// was recorded is still there when another view was shown, or another language chosen.

const TIMEOUT_MS = 5000;
let frame = null;
let leave = () => {};

function madeFrame() {
  const made = Object.assign(document.createElement("iframe"), { className: "hf-live", allow: "microphone", hidden: true });
  document.querySelector(".stMain").append(made);
  return made;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const place = parentElement.querySelector(".hf-live-place");
  const unreachable = parentElement.querySelector(".hf-unreachable");
  const address = new URL(data.address);
  leave();
  if (!frame?.isConnected) frame = madeFrame();
  frame.title = data.title;
  const send = (message) => frame.contentWindow?.postMessage(message, address.origin);

  const lay = () => {
    const { left, top, width } = place.getBoundingClientRect();
    const around = frame.parentElement.getBoundingClientRect();
    Object.assign(frame.style, { left: `${left - around.left}px`, top: `${top - around.top + frame.parentElement.scrollTop}px`, width: `${width}px` });
    if (frame.style.height) place.style.height = frame.style.height;
  };

  const connect = async () => {
    unreachable.hidden = true;
    try {
      const options = { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
      await fetch(new URL("live/live.css", address), options);
    } catch {
      place.hidden = frame.hidden = true;
      unreachable.hidden = false;
      return;
    }
    if (!place.isConnected) return; // another view is shown by now
    const isOtherLanguage = frame.lang !== data.language && !("recorded" in frame.dataset);
    if (isOtherLanguage || !frame.src.startsWith(address.href)) {
      frame.lang = data.language;
      frame.src = new URL(`?embed=1&theme=${data.theme}&language=${data.language}`, address).href;
    } else if (data.theme) send({ type: "hearfelt:theme", theme: data.theme });
    frame.style.colorScheme = data.theme || "normal"; // else the browser paints a background of its own behind it
    place.hidden = frame.hidden = false;
    lay();
  };

  const record = () => setTriggerValue("record", true);
  const onMessage = (event) => {
    if (event.source !== frame.contentWindow) return;
    if (event.data?.type === "hearfelt:record") record();
    if (event.data?.type === "hearfelt:recorded") frame.dataset.recorded = "";
    if (event.data?.type === "hearfelt:height" && event.data.height) {
      frame.style.height = `${Number(event.data.height)}px`;
      lay();
    }
  };

  window.addEventListener("message", onMessage);
  const watcher = new ResizeObserver(lay);
  for (const one of [place, frame.parentElement, parentElement.closest(".stMainBlockContainer")]) if (one) watcher.observe(one);
  unreachable.querySelector(".hf-again").onclick = connect;
  unreachable.querySelector(".hf-record").onclick = record;
  connect();
  const end = (leave = () => {
    window.removeEventListener("message", onMessage);
    watcher.disconnect();
  });
  return () => {
    end();
    if (leave !== end) return; // the view was drawn anew before
    frame.hidden = true;
    send({ type: "hearfelt:leave" });
  };
}
