// Around the views: names the language, marks the link of the view that is shown, and says when the server is gone.

const PATIENCE_MS = 2000; // a short interruption is not worth a word

export default function ({ parentElement, data }) {
  const app = document.querySelector("[data-testid=stApp]");
  const gone = parentElement.querySelector(".hf-gone");
  const isConnected = () => app.dataset.testConnectionState === "CONNECTED";
  let waiting;

  const mark = () => {
    for (const link of document.querySelectorAll(".st-key-hf-nav a"))
      link.ariaCurrent = link.textContent.trim() === data.view ? "page" : null;
  };
  const tell = () => {
    gone.textContent = isConnected() ? "" : data.gone;
    document.body.toggleAttribute("data-hf-gone", !isConnected());
  };
  const watch = () => {
    clearTimeout(waiting);
    waiting = setTimeout(tell, isConnected() ? 0 : PATIENCE_MS);
  };

  const links = new MutationObserver(mark); // Streamlit may replace links later than this
  links.observe(document.querySelector(".stMain"), { childList: true, subtree: true });
  const connection = new MutationObserver(watch);
  connection.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  document.documentElement.lang = data.language;
  mark();
  return () => {
    links.disconnect();
    connection.disconnect();
    clearTimeout(waiting);
  };
}
