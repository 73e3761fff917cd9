// Holds the sound for the player as an address that the browser plays. It comes once, since it may be large, while the
// player's own data may change every second.

export default function ({ data }) {
  window.hearfeltSounds ??= new Map();
  if (!window.hearfeltSounds.has(data.key)) {
    const letters = atob(data.copy);
    const bytes = new Uint8Array(letters.length);
    for (let place = 0; place < bytes.length; place += 1) bytes[place] = letters.charCodeAt(place); // 20 MB: no callbacks
    window.hearfeltSounds.set(data.key, URL.createObjectURL(new Blob([bytes], { type: data.kind })));
    window.dispatchEvent(new CustomEvent("hearfelt-sound"));
  }
  return () => {
    URL.revokeObjectURL(window.hearfeltSounds.get(data.key));
    window.hearfeltSounds.delete(data.key);
  };
}
