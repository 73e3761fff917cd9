// The frame of the Live view: shows the service's live page at its full height, or says that it can't be reached; and
// passes on "Record instead", which both of them offer.

const TIMEOUT_MS = 5000;

export default function ({ parentElement, data, setTriggerValue }) {
  const frame = parentElement.querySelector(".hf-live");
  const unreachable = parentElement.querySelector(".hf-unreachable");
  const address = new URL(data.address);

  const connect = async () => {
    unreachable.hidden = true;
    try {
      const options = { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
      await fetch(new URL("live/live.css", address), options);
    } catch {
      frame.hidden = true;
      unreachable.hidden = false;
      return;
    }
    const source = new URL(`?embed=1&theme=${data.theme}`, address).href;
    if (frame.src !== source) frame.src = source;
    frame.style.colorScheme = data.theme || "normal"; // else the browser paints a background of its own behind it
    frame.hidden = false;
  };

  const record = () => setTriggerValue("record", true);
  const onMessage = (event) => {
    if (event.source !== frame.contentWindow) return;
    if (event.data?.type === "hearfelt:record") record();
    if (event.data?.type === "hearfelt:height") frame.style.height = `${Number(event.data.height)}px`;
  };

  window.addEventListener("message", onMessage);
  unreachable.querySelector(".hf-again").onclick = connect;
  unreachable.querySelector(".hf-record").onclick = record;
  connect();
  return () => window.removeEventListener("message", onMessage);
}
