import { describe, expect, it } from 'vitest';
import { Terminal } from '../../scripts/terminal.ts';
import { recordStreams } from '../support/recorded-streams.ts';

describe('progress', () => {
  it('updates one line on a terminal, and erases that line before a result', () => {
    const streams = recordStreams({ isTTY: true, columns: 20 });
    const terminal = new Terminal(streams, { quiet: false });
    terminal.progress('starting redis-1');
    terminal.progress('a line that is longer than the terminal is wide');
    terminal.print('GO\n');
    expect(streams.err()).toBe('\r\x1b[2Kstarting redis-1\r\x1b[2Ka line that is lon…\r\x1b[2K');
    expect(streams.out()).toBe('GO\n');
  });

  it('consists of plain lines if there is no terminal, without repetitions or control characters', () => {
    const streams = recordStreams();
    const terminal = new Terminal(streams, { quiet: false });
    terminal.progress('one');
    terminal.progress('one');
    terminal.progress('\x1b[31mtwo\x1b[0m\n');
    terminal.endProgress();
    expect(streams.err()).toBe('one\ntwo\n');
  });

  it('is empty with --json', () => {
    const streams = recordStreams();
    new Terminal(streams, { quiet: true }).progress('one');
    expect(streams.err()).toBe('');
  });
});

describe('a terminal', () => {
  it('uses colour only if it supports colour and is interactive', () => {
    const colour = (options: Parameters<typeof recordStreams>[0]) =>
      new Terminal(recordStreams(options), { quiet: false }).colour;
    expect(colour({ isTTY: true, colours: true })).toBe(true);
    expect(colour({ isTTY: true, colours: false })).toBe(false);
    expect(colour({ isTTY: false, colours: true })).toBe(false);
  });

  it('has the reported width, or 100 columns if the width is unknown', () => {
    expect(new Terminal(recordStreams({ isTTY: true, columns: 80 }), { quiet: false }).width).toBe(80);
    expect(new Terminal(recordStreams({ isTTY: true, columns: 0 }), { quiet: false }).width).toBe(100);
    expect(new Terminal(recordStreams(), { quiet: false }).width).toBe(100);
  });
});
