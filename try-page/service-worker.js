// Keeps the page on this device, so that it works offline. VERSION and FILES are put before this when the page is built.
//
// A new version waits until the page is closed everywhere, so that no page gets files of two versions. The model files
// are kept by models.js.

const PAGE = `hearfelt-page ${self.registration.scope} `; // several may lie on one host
const STORE = PAGE + VERSION;

self.addEventListener("install", (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(STORE).then((store) => store.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith(PAGE) && name !== STORE;
  const cleaned = caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))));
  event.waitUntil(cleaned.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function answer(request) {
  const store = await caches.open(STORE);
  return (await store.match(request, { ignoreSearch: true })) ?? fetch(request);
}
