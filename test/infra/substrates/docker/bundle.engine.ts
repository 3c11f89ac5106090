import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadBundle, saveBundle } from '../../../../infra/substrates/docker/bundle.ts';
import { docker, imageExists } from '../../../../infra/substrates/docker/engine.ts';
import { chooseImages, imageName } from '../../../../infra/substrates/docker/images.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { describeOnEngine, engineStateDir } from './fixtures.ts';

const here = engineStateDir();
const there = temporaryStateDir();
afterAll(() => {
  here[Symbol.dispose]();
  there[Symbol.dispose]();
});

describeOnEngine('a bundle', () => {
  it('a bundle transfers the images and the plugin to a machine that lacks them', async () => {
    const file = join(here.path, 'kit.tar.gz');
    const saved = await saveBundle(file, here.path);
    expect(saved.plugin).toMatch(/kreuzwerker\/docker\/4\.5\.0\//);
    const [, exporter = ''] = saved.images;
    await docker(['image', 'rm', exporter]);
    expect(await imageExists(exporter)).toBe(false);

    const loaded = await loadBundle(file, there.path, there.path);
    expect(loaded.images).toEqual(saved.images);
    expect(await imageExists(exporter)).toBe(true);
    expect(existsSync(join(there.path, '.terraform.d/plugins', saved.plugin ?? ''))).toBe(true);
    expect(chooseImages(there.path).exporter).toEqual({ kind: 'local', tag: exporter });
    const { prometheus, alertmanager } = chooseImages(there.path);
    expect(saved.images).toEqual(expect.arrayContaining([prometheus, alertmanager].map(imageName)));
    await loadBundle(file, there.path, there.path);
  });

  it('an invalid bundle is rejected, and an empty bundle is not saved', async () => {
    await expect(loadBundle(join(here.path, 'none.tar.gz'), there.path)).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
    });
    const empty = temporaryStateDir();
    await expect(saveBundle(join(empty.path, 'x.tar.gz'), empty.path)).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
      hint: 'run kit images build',
    });
    empty[Symbol.dispose]();
  });
});
