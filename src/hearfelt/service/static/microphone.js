// The microphone: permission, blocks of sound, and release.

/** Why there is no sound: `kind` is "refused", "missing", "in-use" or "insecure". */
export class MicrophoneError extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

const KINDS = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", NotReadableError: "in-use" };

/** Ask for the microphone; resolves with a stream that must be stopped, or fails with a MicrophoneError. */
export async function askForMicrophone() {
  if (!navigator.mediaDevices) throw new MicrophoneError("insecure"); // neither this computer nor https
  const unprocessed = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, ...unprocessed } });
  } catch (error) {
    throw new MicrophoneError(KINDS[error.name] || "missing");
  }
}

export class Microphone {
  /** `onBlock({sound, peaks})` is called for each 0.1 s; `onLost()` if the microphone is unplugged. */
  constructor(stream, onBlock, onLost) {
    this.stream = stream;
    this.onBlock = onBlock;
    this.context = new AudioContext();
    this.isStopped = false;
    for (const track of stream.getTracks()) track.onended = () => this.isStopped || onLost();
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Start to deliver blocks. */
  async start() {
    await this.context.audioWorklet.addModule("live/worklet.js");
    await this.context.resume();
    if (this.isStopped) return;
    this.node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => (data === null ? this.onLastBlock() : this.onBlock(data));
    this.context.createMediaStreamSource(this.stream).connect(this.node);
  }

  /** Deliver the rest of the last block, then release the microphone. */
  async stop() {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.node && this.context.state === "running") {
      await new Promise((resolve) => {
        this.onLastBlock = resolve;
        setTimeout(resolve, 500); // a context that hangs must not keep the microphone
        this.node.port.postMessage("end");
      });
    }
    for (const track of this.stream.getTracks()) track.stop();
    if (this.context.state !== "closed") await this.context.close();
  }

  onLastBlock() {}
}
