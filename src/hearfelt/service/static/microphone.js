// The microphone: asked for, heard block by block, and let go again.

/** Why there is no sound: `kind` is "refused", "missing", "taken" or "forbidden". */
export class MicrophoneError extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

const KINDS = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", NotReadableError: "taken" };

/** Ask for the microphone; resolves with a stream that must be stopped, or fails with a MicrophoneError. */
export async function askForMicrophone() {
  if (!navigator.mediaDevices) throw new MicrophoneError("forbidden"); // neither this computer nor https
  const untouched = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, ...untouched } });
  } catch (error) {
    throw new MicrophoneError(KINDS[error.name] || "missing");
  }
}

export class Microphone {
  /** `onBlock({sound, peaks})` for each 0.1 s; `onGone()` if the microphone is pulled out. */
  constructor(stream, onBlock, onGone) {
    this.stream = stream;
    this.onBlock = onBlock;
    this.context = new AudioContext();
    this.isStopped = false;
    for (const track of stream.getTracks()) track.onended = () => this.isStopped || onGone();
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Begin to give blocks. */
  async start() {
    await this.context.audioWorklet.addModule("live/worklet.js");
    await this.context.resume();
    if (this.isStopped) return;
    this.node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => (data === null ? this.wasLast() : this.onBlock(data));
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  /** Give the rest of the last block, then let the microphone go. */
  async stop() {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.node && this.context.state === "running") {
      await new Promise((resolve) => {
        this.wasLast = resolve;
        setTimeout(resolve, 500); // a context that hangs must not keep the microphone
        this.node.port.postMessage("end");
      });
    }
    for (const track of this.stream.getTracks()) track.stop();
    if (this.context.state !== "closed") await this.context.close();
  }

  wasLast() {}
}
