// Problems of a live stream in words, each with advice.

export const PROBLEMS = {
  refused: {
    emoji: "🔇",
    title: "The microphone is not allowed",
    advice: "Allow it for this page, next to the address in your browser, and try again.",
  },
  missing: {
    emoji: "🎙️",
    title: "No microphone found",
    advice: "Connect one or switch it on, and try again.",
  },
  "in-use": {
    emoji: "🎙️",
    title: "The microphone can't be used",
    advice: "Another program may be using it. Close that program, and try again.",
  },
  disconnected: {
    emoji: "🎙️",
    title: "The microphone was disconnected",
    advice: "Connect it again, and restart. The segments so far are listed below.",
  },
  insecure: {
    emoji: "🔒",
    title: "No microphone on this address",
    advice: "Browsers give the microphone only to pages on this computer and to pages with https.",
  },
  unreachable: {
    emoji: "🔌",
    title: "The service can't be reached",
    advice: "It may not be running, or the network blocks it. Try again in a moment.",
  },
  lost: {
    emoji: "🔌",
    title: "The connection was lost",
    advice: "The segments so far are listed below. Restart when the service is back.",
  },
  overloaded: {
    emoji: "🐢",
    title: "This computer can't keep up",
    advice: "It is too busy to process the sound in real time. The segments so far are listed below.",
  },
  slow: {
    emoji: "🐢",
    title: "The sound arrives too slowly",
    advice: "The service is too busy, or the connection too slow. The segments so far are listed below.",
  },
  busy: {
    emoji: "⏳",
    title: "The service is busy",
    advice: "All of its streams are in use. Try again in a moment.",
  },
  key: {
    emoji: "🔑",
    title: "An API key is needed",
    advice: "The operator of this service can give you one.",
  },
  ended: {
    emoji: "⏹️",
    title: "The service ended the stream",
    advice: "The segments so far are listed below.",
  },
  unsupported: {
    emoji: "⚠️",
    title: "This browser is not supported",
    advice: "The microphone could not be opened. A newer browser may help.",
  },
};
