// Numbers as words, and numbers as colours: cividis, which reads the same to every eye.

const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74",
  "#c3b369", "#e1cc55", "#fee838"];
const MOST_NATS = 8; // where the scale of surprisal and entropy ends

function number(x, digits = 3) {
  if (x == null) return "−∞";
  if (Number.isInteger(x)) return String(x).replace("-", "−");
  if (x > 0 && x < 0.0005) return "<0.001";
  return String(Number(x.toPrecision(digits))).replace("-", "−");
}

function plural(n, thing, things) {
  return `${n} ${n === 1 ? thing : (things ?? thing + "s")}`;
}

// A share between 0 and 1 as a colour: dark is low.
function cividis(share) {
  const at = Math.max(0, Math.min(1, share)) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const channel = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  const mixed = [0, 1, 2].map((i) => {
    const [a, b] = [channel(CIVIDIS[low], i), channel(CIVIDIS[low + 1], i)];
    return Math.round(a + (b - a) * (at - low));
  });
  return { colour: `rgb(${mixed.join(" ")})`, ink: at > 4.4 ? "#000" : "#fff" };
}

function entropyOf(token) {
  const all = token.entropy ?? {};
  return all[token.stream] ?? all.target ?? Object.values(all)[0] ?? null;
}

// What a token may be coloured by. `share` is the length of its bar, null where nothing is known.
const COLOURINGS = {
  plain: { words: "nothing" },
  probability: {
    words: "probability",
    ends: ["0", "1"],
    share: (token) => token.p ?? null,
  },
  surprisal: {
    words: "surprisal",
    ends: ["0", `${MOST_NATS} nats`],
    share: (token) => (token.surprisal == null ? null : Math.min(1, token.surprisal / MOST_NATS)),
  },
  entropy: {
    words: "entropy",
    ends: ["0", `${MOST_NATS} nats`],
    share: (token) => {
      const nats = entropyOf(token);
      return nats == null ? null : Math.min(1, nats / MOST_NATS);
    },
  },
  proposer: { words: "who proposed it" },
};
