// The Live view's frame: shows the service's page where it can be reached, as high as it is; says so where it can't; and
// passes on the wish to record instead, which both of them offer.

const PATIENCE_MS = 5000;

export default function ({ parentElement, data, setTriggerValue }) {
  const frame = parentElement.querySelector(".hf-live");
  const away = parentElement.querySelector(".hf-away");
  const address = new URL(data.address);

  const reach = async () => {
    away.hidden = true;
    try {
      const options = { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
      await fetch(new URL("live/live.css", address), options);
    } catch {
      frame.hidden = true;
      away.hidden = false;
      return;
    }
    const wanted = new URL(`?embed=1&theme=${data.theme}`, address).href;
    if (frame.src !== wanted) frame.src = wanted;
    frame.style.colorScheme = data.theme || "normal"; // else the browser paints a ground of its own behind it
    frame.hidden = false;
  };

  const record = () => setTriggerValue("record", true);
  const hear = (event) => {
    if (event.source !== frame.contentWindow) return;
    if (event.data?.type === "hearfelt:record") record();
    if (event.data?.type === "hearfelt:height") frame.style.height = `${Number(event.data.height)}px`;
  };

  window.addEventListener("message", hear);
  away.querySelector(".hf-again").onclick = reach;
  away.querySelector(".hf-record").onclick = record;
  reach();
  return () => window.removeEventListener("message", hear);
}
