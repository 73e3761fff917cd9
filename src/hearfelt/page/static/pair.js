// Two sounds below each other, on one time axis. Follows waveform.js in one module.

const waves = new WeakMap();

function waveOf(root) {
  if (!waves.has(root)) {
    const shape = element("canvas", { className: "shape", role: "img" });
    const ticks = element("div", { className: "ticks", ariaHidden: "true" });
    root.replaceChildren(shape, element("div", { className: "ribbons" }), ticks);
    waves.set(root, new Waveform(root));
  }
  return waves.get(root);
}

export default function ({ data, parentElement }) {
  const roots = [...parentElement.querySelectorAll(".wave")];
  roots.forEach((root, place) => {
    const { name, label, until_s, ribbons, ...outline } = data.sounds[place];
    root.previousElementSibling.textContent = name;
    const wave = waveOf(root);
    wave.shape.ariaLabel = label;
    wave.draw({ from_s: 0, to_s: data.longest_s, until_s, level: levelOf({ ...outline, until_s }), ribbons });
  });
  return () => {
    for (const root of roots) {
      waves.get(root)?.disconnect();
      waves.delete(root);
    }
  };
}
