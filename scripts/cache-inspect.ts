import { Argument, type Command, Option } from 'commander';
import { EXIT } from '../config/errors.ts';
import { openCacheData } from './cache/cache-data.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { alignColumns, bytesText, countText, durationText } from './cache/figures.ts';
import {
  bytesOfKey,
  type InspectedEntry,
  type InspectedKey,
  type InspectedTag,
  inspectKey,
  jsonValue,
  valueText,
} from './cache/key-inspection.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface InspectOptions extends DataOptions {
  readonly raw?: true;
  readonly value?: true;
  readonly tag?: readonly string[];
}

const PREVIEW_CHARACTERS = 200;

/** `kit cache-inspect KEY`: shows one key. The exit code indicates whether a reader finds a value. */
export function cacheInspect(program: Command, session: Session): void {
  const command = program
    .command('cache-inspect')
    .summary('show one key: codec, age, TTL, tags, size')
    .description(
      'Show one key: the header of its entry decoded (codec, freshness, tags and whether they are valid), TTL, age, size and value. Changes nothing.\nExit code 0: a reader finds a value; 1: no key, or an entry that readers do not accept; 3: larger than 64 MB, not read.',
    )
    .addArgument(new Argument('<key>', 'key as used by the application').argParser(common.nonEmpty))
    .addOption(new Option('--raw', 'the physical key in Redis; \\xNN is a byte, \\\\ a backslash'))
    .addOption(new Option('--value', 'print the whole value (otherwise its first characters)'))
    .addOption(
      new Option(
        '--tag <tag>',
        'tag name to look for (entries store only hashes of tags; repeatable)',
      ).argParser((tag: string, before: readonly string[] = []) => [...before, common.nonEmpty(tag)]),
    )
    .addHelpText(
      'after',
      examples(
        ['kit cache-inspect user:42', 'an entry of dev'],
        ['kit cache-inspect user:42 --tag users --value', 'with the name of a tag, and the whole value'],
        ["kit cache-inspect --raw 'cache_dev:\\xff\\x00'", 'a key that is not text'],
      ),
    )
    .action(async (key: string, options: InspectOptions) => {
      await using data = await openCacheData(options);
      const physical = options.raw ? bytesOfKey(key) : Buffer.from(`${data.settings.namespace}:${key}`);
      const { found, ...inspected } = await inspectKey(data, physical, options.tag ?? []);
      const isReadable = inspected.entry !== null && inspected.entry.unreadable === null;
      session.exitCode = inspected.isTooLarge ? EXIT.UNKNOWN : isReadable ? EXIT.GO : EXIT.NO_GO;
      const shown =
        found === null
          ? null
          : valueText(found, options.value ? Number.POSITIVE_INFINITY : PREVIEW_CHARACTERS);
      const value = found === null ? null : options.value ? jsonValue(found) : shown;
      printResult(session, { name: data.name, ...inspected, value }, inspectionText(inspected, shown));
    });
  addDataOptions(command, 'reads');
}

function inspectionText(key: InspectedKey, value: string | null): string {
  const where = key.slot === null ? key.node : `${key.node}, slot ${key.slot}`;
  if (!key.exists) return `${key.key}: no such key (${where})`;
  const rows: (readonly string[])[] = [
    ['node', where],
    ['type', key.type],
    ['TTL', key.ttlMs === null ? 'none' : durationText(key.ttlMs / 1000)],
    ['age', ageText(key)],
    ['last access', key.idleSeconds === null ? '-' : `${durationText(key.idleSeconds)} ago`],
    ['memory', bytesText(key.memoryBytes)],
    ...(key.valueBytes === null ? [] : [['length', `${countText(key.valueBytes)} bytes`]]),
    ...(key.entry === null
      ? [
          [
            'entry',
            key.isTooLarge
              ? 'not read: larger than 64 MB'
              : 'none: the value is not an envelope of the client',
          ],
        ]
      : entryRows(key.entry)),
    ...(value === null ? [] : [['value', value]]),
  ];
  return [key.key, ...alignColumns(rows).map((row) => `  ${row}`)].join('\n');
}

function ageText({ ageMs }: InspectedKey): string {
  return ageMs === null ? '-' : `${durationText(ageMs / 1000)}, if written with the default TTL`;
}

function entryRows(entry: InspectedEntry): readonly (readonly string[])[] {
  const state = entry.lease
    ? 'lease of a load in progress'
    : entry.unreadable === null
      ? 'valid'
      : UNREADABLE[entry.unreadable];
  const { codec, deflated, format, payloadBytes, headerBytes, schema, freshUntil, loadMs } = entry;
  return [
    ['entry', state],
    ['codec', `${codec}${deflated ? ', deflated' : ''} (format ${format})`],
    ['payload', `${countText(payloadBytes)} bytes, header ${headerBytes} bytes`],
    ['schema', schema === null ? 'none' : schema.toString(16).padStart(8, '0')],
    ['fresh until', freshUntil ?? 'the end of its TTL'],
    ...(loadMs === null ? [] : [['load', `${countText(loadMs)} ms`]]),
    ...entry.tags.map((tag) => ['tag', tagText(tag)]),
  ];
}

function tagText({ id, name, version, current, valid }: InspectedTag): string {
  const state = valid
    ? 'valid'
    : current === null
      ? 'invalidated, no current version'
      : `invalidated, current version ${current}`;
  return `${name ?? id}: version ${version}, ${state}`;
}

const UNREADABLE: Readonly<Record<NonNullable<InspectedEntry['unreadable']>, string>> = {
  foreign: 'not an envelope: readers purge it',
  format: 'another format version: readers purge it',
  corrupt: 'damaged, the checksum differs: readers purge it',
  schema: 'another schema: readers purge it',
  codec: 'a codec that this command does not have',
  tag: 'a miss: a tag was invalidated',
};
