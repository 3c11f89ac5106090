/**
 * Seeded randomness: the same seed gives the same schedule, keys and values on every machine.
 * sfc32 (Chris Doty-Humphrey's small fast counter, passes PractRand), seeded by splitmix32.
 */
export interface Random {
  /** Returns a number in [0, 1). */
  next(): number;
  /** Returns an integer in [0, below). */
  int(below: number): number;
  /** Returns an exponentially distributed number, such as a gap in a Poisson process. */
  exponential(mean: number): number;
  /** Returns a number from the standard normal distribution. */
  normal(): number;
  pick<T>(items: readonly T[]): T;
  shuffle<T>(items: readonly T[]): T[];
}

export function seededRandom(seed: number, stream = ''): Random {
  let mix = seed >>> 0;
  // Names derive independent streams from one seed: each client and purpose has its own name.
  for (const character of stream) mix = Math.imul(mix ^ character.charCodeAt(0), 0x01000193) >>> 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let t = mix ^ (mix >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 4294967296;
  };
  const nextInt = (below: number) => Math.floor(next() * below);
  return {
    next,
    int: nextInt,
    exponential: (mean) => -Math.log(1 - next()) * mean,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    pick: <T>(items: readonly T[]) => items[nextInt(items.length)] as T,
    shuffle: <T>(items: readonly T[]) => {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = nextInt(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
      }
      return shuffled;
    },
  };
}
