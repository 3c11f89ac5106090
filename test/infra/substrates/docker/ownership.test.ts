import { describe, expect, it } from 'vitest';
import {
  classifyParts,
  type EngineKind,
  type EnginePart,
  foreignError,
} from '../../../../infra/substrates/docker/ownership.ts';

const part = (kind: EngineKind, owner: string, change: Partial<EnginePart> = {}): EnginePart => ({
  ...{ environment: 'dev', kind, id: `${kind}-id`, name: `kit-dev-${kind}`, owner },
  ...{ place: owner === '' ? '' : `host:/${owner}`, isProtected: false, ...change },
});
const mine = { owner: 'mine', known: new Set<string>(), adopted: [] };

describe('a part of an environment', () => {
  it.each(['container', 'network', 'volume'] as const)(
    'of type %s belongs to the owner on its label',
    (kind) => {
      expect(classifyParts([part(kind, 'mine')], mine)).toEqual({ own: [part(kind, 'mine')], foreign: [] });
      // The state of another owner can also contain the name of a volume.
      const known = new Set([`${kind}-id`]);
      expect(classifyParts([part(kind, 'other')], { ...mine, known }).foreign).toHaveLength(1);
      expect(classifyParts([part(kind, 'other')], { ...mine, owner: undefined }).foreign).toHaveLength(1);
    },
  );

  it('without a label belongs to the state that contains its id', () => {
    expect(classifyParts([part('container', '')], mine).foreign).toHaveLength(1);
    const known = new Set(['container-id']);
    expect(classifyParts([part('container', '')], { ...mine, known }).own).toHaveLength(1);
  });

  it('belongs to a new owner after a takeover if it is a volume; a container is created again', () => {
    const adopted = ['other', ''];
    const parts = [part('volume', 'other'), part('volume', ''), part('container', 'other')];
    expect(classifyParts(parts, { ...mine, adopted })).toEqual({
      own: parts.slice(0, 2),
      foreign: parts.slice(2),
    });
  });
});

describe('the ownership error', () => {
  const refusal = (parts: readonly EnginePart[], verb?: 'up' | 'down') =>
    foreignError(
      { name: 'dev' },
      { foreign: parts },
      { stateDir: '/nowhere', ...(verb === undefined ? {} : { verb }) },
    );

  it('names the path, the resources, and the takeover command', () => {
    const found = refusal([part('container', 'other'), ...Array(4).fill(part('volume', 'other'))]);
    expect(found).toMatchObject({
      code: 'ENVIRONMENT_FOREIGN',
      exitCode: 2,
      message: expect.stringContaining('belongs to host:/other (owner other)'),
      where: 'container kit-dev-container, volume kit-dev-volume, volume kit-dev-volume and 2 more',
      hint: expect.stringMatching(/: kit up --env dev --substrate docker --adopt$/),
    });
  });

  it('names the required permissions for a protected environment', () => {
    const parts = [part('container', 'other'), part('volume', 'other', { isProtected: true })];
    expect(refusal(parts).hint).toContain('KIT_ALLOW_ADOPT=dev kit up');
    expect(refusal(parts, 'down').hint).toContain('KIT_ALLOW_ADOPT=dev KIT_ALLOW_DESTROY=dev kit down');
  });

  it('states that a resource has no label', () => {
    expect(refusal([part('container', '')]).message).toContain('no owner label');
  });
});
