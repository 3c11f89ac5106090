/** The pipeline templates can be parsed, and use only commands, options and files that exist. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { programOf } from '../scripts/program.ts';
import { Terminal } from '../scripts/terminal.ts';
import { recordStreams } from './support/recorded-streams.ts';

const DOCS = resolve(import.meta.dirname, '../docs');
const read = (name: string) => readFileSync(join(DOCS, name), 'utf8');
const FILES = ['ci.md', 'ci/action.yml', 'ci/gitlab.yml', 'ci/Jenkinsfile'];

const program = await programOf({
  args: [],
  json: false,
  terminal: new Terminal(recordStreams(), { quiet: false }),
  signal: new AbortController().signal,
  exitCode: 0,
});

/** Calls to the kit in a text, ignoring comments: the words after `npx redis-cache-kit` or `npx kit`. */
function callsIn(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/\bnpx (?:redis-cache-kit|kit) ([^\n#'|]+)/g)].map(([, words = '']) =>
    words.trim().split(/\s+/),
  );
}

/** Returns the problem with a call, or undefined if the command exists and has each option. */
function problemOf([verb = '', ...words]: readonly string[]): string | undefined {
  const command: Command | undefined = program.commands.find((each) => each.name() === verb);
  if (command === undefined) return `no command ${verb}`;
  const known = [...command.options, ...program.options].map(({ long }) => long);
  const unknown = words.filter((word) => word.startsWith('--') && !known.includes(word));
  return unknown.length === 0 ? undefined : `${verb} has no ${unknown.join(', ')}`;
}

describe('the pipeline templates', () => {
  it.each(FILES)('%s calls only commands and options that exist', (file) => {
    const calls = callsIn(read(file));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.map(problemOf).filter((problem) => problem !== undefined)).toEqual([]);
  });

  it('the check finds a call with an unknown command or option', () => {
    const [first, second] = callsIn(
      'npx kit readyness --env app\nx: npx redis-cache-kit readiness --environment app # y\n',
    );
    expect(problemOf(first ?? [])).toBe('no command readyness');
    expect(problemOf(second ?? [])).toBe('readiness has no --environment');
  });

  it('the GitHub action is a composite action that passes every input to its script as a variable', () => {
    const { runs, inputs, outputs } = parse(read('ci/action.yml'));
    expect(runs.using).toBe('composite');
    const [first] = runs.steps;
    const given = Object.values(first.env).map((value) => /inputs\.([\w-]+)/.exec(String(value))?.[1]);
    expect(given.toSorted()).toEqual(Object.keys(inputs).toSorted());
    // The runner would insert the expression into the script, and the shell would execute its value.
    for (const step of runs.steps) expect(step.run ?? '').not.toContain('${{');
    expect(outputs['exit-code'].value).toContain(`steps.${first.id}.outputs.exit-code`);
  });

  it('the GitLab job keeps the run folder even after a failure, and reports its junit.xml', () => {
    const { 'redis-readiness': job } = parse(read('ci/gitlab.yml'));
    expect(job.script.some((line: string) => line.includes('--out redis-readiness'))).toBe(true);
    expect(job.artifacts).toMatchObject({
      when: 'always',
      paths: ['redis-readiness/'],
      reports: { junit: 'redis-readiness/junit.xml' },
    });
  });

  it('the Jenkins pipeline has balanced brackets, and always publishes the results', () => {
    const code = read('ci/Jenkinsfile').replace(/^\s*\/\/.*$/gm, '');
    for (const [open, close] of ['{}', '()'])
      expect(code.split(open ?? '').length, `${open}${close}`).toBe(code.split(close ?? '').length);
    expect(code).toMatch(/post \{\s+always \{\s+junit testResults: 'redis-readiness\/junit\.xml'/);
  });

  it('the page names every template, and names only files that a run writes', () => {
    const page = read('ci.md');
    for (const file of FILES.slice(1)) expect(page).toContain(`(${file})`);
    const { files } = JSON.parse(readFileSync(resolve('package.json'), 'utf8'));
    expect(files).toContain('docs/ci');
    for (const name of ['report.md', 'junit.xml', 'ctrf.json', 'report.html', 'report.json'])
      expect(page).toContain(`| \`${name}\` |`);
    expect(FILES.every((file) => existsSync(join(DOCS, file)))).toBe(true);
  });
});
