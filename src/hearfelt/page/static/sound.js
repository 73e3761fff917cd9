// Holds the sound for the player as an address that the browser plays. It comes once, since it may be large, while the
// player's own data may change every second.

export default function ({ data }) {
  window.hearfeltSounds ??= new Map();
  if (!window.hearfeltSounds.has(data.key)) {
    const bytes = Uint8Array.from(atob(data.copy), (letter) => letter.charCodeAt(0));
    window.hearfeltSounds.set(data.key, URL.createObjectURL(new Blob([bytes], { type: data.kind })));
    window.dispatchEvent(new CustomEvent("hearfelt-sound"));
  }
  return () => {
    URL.revokeObjectURL(window.hearfeltSounds.get(data.key));
    window.hearfeltSounds.delete(data.key);
  };
}
