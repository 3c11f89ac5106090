import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, NotSentError } from '../../client/index.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { describeFailure, failureText } from '../../scripts/failure.ts';

const running = new AbortController().signal;

describe('a failure', () => {
  it('shows the problem, location and remedy if the user caused it, and has its own exit code', () => {
    const failure = describeFailure(
      new KitError('quorum 4 is above 3', {
        code: 'CONFIG_INVALID',
        where: 'dev.yaml:7: topology.quorum',
        hint: 'allowed: 1 to 3',
        cause: new Error('three sentinels'),
      }),
      running,
    );
    expect(failure.exitCode).toBe(EXIT.USAGE);
    expect(failureText(failure, false)).toBe(
      [
        'kit: quorum 4 is above 3',
        '  where    dev.yaml:7: topology.quorum',
        '  because  three sentinels',
        '  fix      allowed: 1 to 3',
        '',
      ].join('\n'),
    );
  });

  it('shows the stack and the verdict "not known" if the kit caused it, and is never a no-go', () => {
    const failure = describeFailure(new TypeError('x is undefined'), running);
    expect(failure.exitCode).toBe(EXIT.UNKNOWN);
    expect(failure.error).toMatchObject({ code: 'DEFECT', message: 'unexpected: x is undefined' });
    expect(failureText(failure, false)).toContain('failure.test.ts');
    expect(describeFailure('a string', running).error.message).toBe('unexpected: a string');
  });

  it.each([
    [
      Object.assign(new Error("NOPERM this user has no permissions to run the 'get' command"), {
        name: 'ReplyError',
      }),
      'REDIS_ERROR',
      EXIT.UNKNOWN,
    ],
    [new NotSentError('no master within 2000 ms'), 'REDIS_ERROR', EXIT.UNKNOWN],
    [new Error('Connection is closed.'), 'REDIS_ERROR', EXIT.UNKNOWN],
    [new ConfigurationError("namespace: must not end with ':'"), 'USAGE', EXIT.USAGE],
  ] as const)('has no stack if Redis or a client option caused it: %s', (error, code, exitCode) => {
    const failure = describeFailure(error, running);
    expect(failure).toMatchObject({
      exitCode,
      error: { code, message: expect.stringContaining(error.message) },
    });
    expect(failure.error.stack).toBeUndefined();
  });

  it('is a defect if Redis reports a malformed command', () => {
    const error = Object.assign(new Error("ERR wrong number of arguments for 'get' command"), {
      name: 'ReplyError',
    });
    expect(describeFailure(error, running).error.code).toBe('DEFECT');
  });

  it('is reported in one line with the nearest name if the command line is invalid', () => {
    const failure = describeFailure(
      new CommanderError(
        1,
        'commander.unknownCommand',
        "error: unknown command 'vrify'\n(Did you mean verify?)",
      ),
      running,
    );
    expect(failure).toMatchObject({
      exitCode: EXIT.USAGE,
      error: { message: "unknown command 'vrify'", hint: 'did you mean verify? See kit --help' },
    });
  });

  it('is reported as an interruption after Ctrl-C, whatever its error is', () => {
    const interruption = new AbortController();
    const reason = new KitError('interrupted by SIGINT', { code: 'INTERRUPTED', exitCode: EXIT.INTERRUPTED });
    interruption.abort(reason);
    const aborted = new DOMException('This operation was aborted', 'AbortError');
    expect(describeFailure(aborted, interruption.signal).error.message).toBe('interrupted by SIGINT');
    const other = describeFailure(new Error('could not end redis-2'), interruption.signal);
    expect(other.exitCode).toBe(EXIT.INTERRUPTED);
    expect(other.error.message).toContain('could not end redis-2');
  });

  it('is coloured only on request', () => {
    const failure = describeFailure(new KitError('no', { code: 'X' }), running);
    expect(failureText(failure, true)).toContain('\x1b[31mkit:\x1b[39m no');
    expect(failureText(failure, false)).not.toContain('\x1b');
  });
});
