/**
 * Detects commands that are not available to this user: denied by ACL, renamed, unknown to an older server, or disabled
 * by a provider. The error texts differ:
 *
 *   NOPERM this user has no permissions to run the 'role' command                  Redis 6.2
 *   NOPERM User app has no permissions to run the 'client|tracking' command        Redis 7.0 and later, Valkey
 *   ERR unknown command 'ROLE', with args beginning with:                          renamed or missing
 *   ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.
 *   ERR command is not allowed, ERR unsupported command                            providers, proxies
 *   ERR command 'ROLE' not support for normal user                                 Alibaba Cloud
 *
 * A missing permission for a key or a channel does not count: `NOPERM No permissions to access a key`.
 */
import { CommandError } from '../api/errors.ts';

const ABSENT =
  /\b(unknown|unsupported|unrecognized|disabled) (sub)?command\b|\bcommand\b.*\b(not allowed|not support(ed)?|disabled|prohibited)\b/i;
/** Matches errors about missing permissions for data, in the wording of 6.2, 7.0 and 7.2. */
const ABOUT_DATA = /\baccess\b.*\b(keys?|channels?)\b/i;

/** Whether an error is an error reply, rather than a failed connection. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether an error reply means that the command is not available. */
export function isUnavailable(error: unknown): boolean {
  if (!isReply(error) && !(error instanceof CommandError)) return false;
  const { message } = error;
  // `OOM command not allowed when used memory > 'maxmemory'` and similar errors are temporary.
  if (message.startsWith('NOPERM ')) return !ABOUT_DATA.test(message);
  return message.startsWith('ERR ') && ABSENT.test(message);
}
