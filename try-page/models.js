// Model files: downloaded once, then kept in the browser's Cache Storage.

const STORE = "hearfelt-models";

async function openStore() {
  try {
    return await caches.open(STORE);
  } catch {
    return null; // no secure context, or the visitor's settings forbid it: then the file is downloaded each time
  }
}

/** Whether a model file is on this device. */
export async function isStored({ address }) {
  return Boolean(await (await openStore())?.match(address));
}

/** Give the bytes of a model file; `onProgress(share)` is called while it is downloaded. */
export async function fetchModel({ name, address, size }, onProgress) {
  const store = await openStore();
  const stored = await store?.match(address);
  if (stored) return new Uint8Array(await stored.arrayBuffer());
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Error(`${name} could not be downloaded; check the connection and try again`);
  const parts = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    onProgress(Math.min(1, received / size));
  }
  const file = new Blob(parts);
  await keep(store, address, file);
  return new Uint8Array(await file.arrayBuffer());
}

/** Keep a file instead of its earlier versions, which differ in what follows the question mark. */
async function keep(store, address, file) {
  if (!store) return;
  try {
    await store.delete(address, { ignoreSearch: true });
    await store.put(address, new Response(file));
  } catch {
    // no room: it works without, until the page is closed
  }
}
