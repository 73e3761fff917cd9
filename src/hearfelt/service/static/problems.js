// Signs of the problems of a live stream; their words come with the page.

export const EMOJIS = {
  refused: "🔇",
  missing: "🎙️",
  "in-use": "🎙️",
  disconnected: "🎙️",
  insecure: "🔒",
  unreachable: "🔌",
  lost: "🔌",
  overloaded: "🐢",
  slow: "🐢",
  busy: "⏳",
  key: "🔑",
  ended: "⏹️",
  unsupported: "⚠️",
};
