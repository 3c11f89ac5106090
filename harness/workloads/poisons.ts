/**
 * Ways in which a stored payload can be unusable: corrupted, truncated, replaced by random bytes, or written in another
 * format or schema. Pure.
 */
import { encodeEnvelope } from '../../client/envelope.ts';
import type { StandardSchema } from '../../client/types.ts';
import type { Random } from './random.ts';

export interface User {
  readonly id: number;
  readonly name: string;
}

export const SCHEMA_ID = 'user@2';
export const GOOD_USER: User = { id: 1, name: 'Ada' };

export const userSchema: StandardSchema<User> = {
  '~standard': {
    version: 1,
    vendor: 'drill',
    validate: (value) =>
      typeof value === 'object' && value !== null && 'id' in value && 'name' in value
        ? { value: value as User }
        : { issues: [{ message: 'not a user' }] },
  },
};

/** Every kind of corruption, derived from a valid payload. */
export const POISONS: Readonly<Record<string, (good: Buffer) => Buffer>> = {
  'flipped-byte': (good) => {
    const bad = Buffer.from(good);
    const last = bad.length - 1;
    bad.writeUInt8(bad.readUInt8(last) ^ 0x01, last);
    return bad;
  },
  cut: (good) => good.subarray(0, Math.ceil(good.length / 2)),
  'cut-in-header': (good) => good.subarray(0, 3),
  empty: () => Buffer.alloc(0),
  foreign: () => Buffer.from(JSON.stringify(GOOD_USER)),
  'later-format': (good) => {
    const bad = Buffer.from(good);
    bad.writeUInt8(0xff, 1);
    return bad;
  },
  'older-schema': () => encodeEnvelope(GOOD_USER, { schemaId: 'user@1' }),
  'older-shape': () => encodeEnvelope({ userId: 1, fullName: 'Ada' }, { schemaId: SCHEMA_ID }),
};

/**
 * Kinds of corruption at a random position: a flipped bit, a truncation, an insertion, swapped bytes, or random noise.
 */
export const RANDOM_POISONS: Readonly<Record<string, (good: Buffer, random: Random) => Buffer>> = {
  'random-bit': (good, random) => {
    const bad = Buffer.from(good);
    const at = random.int(bad.length);
    bad.writeUInt8(bad.readUInt8(at) ^ (1 << random.int(8)), at);
    return bad;
  },
  'random-cut': (good, random) => good.subarray(0, random.int(good.length)),
  'random-insertion': (good, random) => {
    const at = random.int(good.length + 1);
    return Buffer.concat([good.subarray(0, at), noise(1 + random.int(8), random), good.subarray(at)]);
  },
  noise: (good, random) => noise(good.length, random),
  'noise-in-payload': (good, random) =>
    Buffer.concat([good.subarray(0, 12), noise(good.length - 12, random)]),
};

function noise(bytes: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => random.int(256)));
}
