// What can keep somebody from being heard, in words, and what helps.

export const PROBLEMS = {
  refused: {
    emoji: "🔇",
    title: "The microphone is not allowed",
    advice: "Allow it for this page, beside the address in your browser, and try again.",
  },
  missing: {
    emoji: "🎙️",
    title: "There is no microphone",
    advice: "Plug one in or switch it on, and try again.",
  },
  taken: {
    emoji: "🎙️",
    title: "The microphone can't be used",
    advice: "Another program may be using it. Close that, and try again.",
  },
  gone: {
    emoji: "🎙️",
    title: "The microphone went away",
    advice: "Plug it in again, and start anew. What was heard until then is listed below.",
  },
  forbidden: {
    emoji: "🔒",
    title: "No microphone on this address",
    advice: "Browsers give the microphone only to pages on this computer, or to those that begin with https.",
  },
  unreachable: {
    emoji: "🔌",
    title: "The service can't be reached",
    advice: "It may not be running, or a network in between is in the way. Try again in a moment.",
  },
  lost: {
    emoji: "🔌",
    title: "The connection was lost",
    advice: "What was heard until then is listed below. Start again when the service is back.",
  },
  slow: {
    emoji: "🐢",
    title: "The connection is too slow",
    advice: "The sound comes faster than it can be sent. What was heard until then is listed below.",
  },
  busy: {
    emoji: "⏳",
    title: "The service is busy",
    advice: "As many people as it can listen to are speaking just now. Try again in a moment.",
  },
  key: {
    emoji: "🔑",
    title: "A key is needed",
    advice: "Whoever runs this service can give you one.",
  },
  ended: {
    emoji: "⏹️",
    title: "The service ended the stream",
    advice: "What was heard until then is listed below.",
  },
  broken: {
    emoji: "⚠️",
    title: "This browser can't do it",
    advice: "The microphone could not be opened for hearing. A newer browser may help.",
  },
};
