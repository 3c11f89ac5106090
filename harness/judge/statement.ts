/**
 * Statement of a run's result in the format of in-toto (Statement v1, predicate test-result v0.1), and its signature in
 * a DSSE envelope.
 *
 *   run folder ─▶ judged again ─▶ statement about manifest.json and seal.json ─▶ signed with the user's key
 *
 * The subjects are the manifest, which contains the digest of every judged file, and the seal, which contains the
 * digests of all files. The text is canonical: the same run gives the same bytes, so a statement is verified by
 * recomputing it.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { KitError } from '../../config/errors.ts';
import { writeArchive } from '../evidence/archive.ts';
import { canonicalJson } from '../evidence/canonical-json.ts';
import { type Evidence, openEvidence } from '../evidence/open.ts';
import { CONFIG, DRILLS, GATES, MANIFEST, SEAL, writeAtomically } from '../evidence/run-folder.ts';
import type { LoadedExtension } from '../extension/extension.ts';
import type { Criterion, Verdict } from '../gates/gate.ts';
import { judge, verifyRun } from './index.ts';
import type { Renderers } from './stored-reports.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://in-toto.io/attestation/test-result/v0.1';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** Name of the statement in an archive; it is derived from the evidence, but is not part of it. */
const STATEMENT = 'report.statement.json';

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

const RESULT: Readonly<Record<Verdict['decision'], 'PASSED' | 'WARNED' | 'FAILED'>> = {
  GO: 'PASSED',
  CONDITIONAL_GO: 'WARNED',
  NO_GO: 'FAILED',
  UNKNOWN: 'FAILED',
};

/**
 * Returns the statement about an unchanged run, as canonical JSON.
 *
 * @throws KitError EVIDENCE_UNREADABLE, or STATEMENT_REFUSED for a run whose evidence or reports do not match the seal
 */
export function statementOf(
  dir: string,
  renderers: Renderers,
  extensions: readonly LoadedExtension[] = [],
): string {
  const { ok, problems } = verifyRun(dir, renderers, extensions);
  if (!ok) {
    throw new KitError(`the run fails verification: ${problems.slice(0, 3).join('; ')}`, {
      code: 'STATEMENT_REFUSED',
      where: dir,
      hint: 'create the statement from an unchanged run; kit verify lists all problems',
      exitCode: 1,
    });
  }
  const evidence = openEvidence(dir);
  return writeStatement(evidence, judge(evidence, extensions).verdict);
}

function writeStatement(evidence: Evidence, { decision, criteria }: Verdict): string {
  const { runId } = evidence.manifest;
  const resource = (path: string) => {
    const sha256 = evidence.sha256Of(path);
    return sha256 === undefined ? [] : [{ name: `${runId}/${path}`, digest: { sha256 } }];
  };
  const idsOf = (isAsked: (state: Criterion['state']) => boolean) =>
    criteria.filter(({ state }) => isAsked(state)).map(({ id }) => id);
  return canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [MANIFEST, SEAL].flatMap(resource),
    predicateType: PREDICATE_TYPE,
    predicate: {
      result: RESULT[decision],
      configuration: [CONFIG, GATES, DRILLS].flatMap(resource),
      passedTests: idsOf((state) => state === 'PASS'),
      warnedTests: idsOf((state) => state === 'WAIVED'),
      // A criterion that was not judged did not pass.
      failedTests: idsOf((state) => !['PASS', 'WAIVED', 'OUT_OF_SCOPE'].includes(state)),
    },
  });
}

/** Writes the statement of a run to a file. @throws KitError OUTPUT_INSIDE_RUN, EVIDENCE_NOT_WRITTEN */
export function storeStatement(file: string, dir: string, statement: string): void {
  requireOutside(file, dir);
  writeAtomically(file, statement);
}

/**
 * Packs a run folder with its statement as `<run id>/report.statement.json`.
 *
 * @throws KitError OUTPUT_INSIDE_RUN, EVIDENCE_NOT_WRITTEN
 */
export function archiveRun(file: string, dir: string, statement: string): void {
  requireOutside(file, dir);
  writeArchive(file, dir, openEvidence(dir).manifest.runId, { [STATEMENT]: statement });
}

/** Refuses a file in the run folder, because it would change the evidence. */
function requireOutside(file: string, dir: string): void {
  if (relative(realPathOf(dir), realPathOf(file)).startsWith('..')) return;
  throw new KitError('is in the run folder, whose evidence must not change', {
    code: 'OUTPUT_INSIDE_RUN',
    where: file,
    hint: 'choose a path outside the run folder',
  });
}

/** Returns the absolute path with symbolic links resolved, even if the file does not exist yet. */
function realPathOf(path: string): string {
  const absolute = resolve(path);
  if (existsSync(absolute)) return realpathSync(absolute);
  const parent = dirname(absolute);
  return parent === absolute ? absolute : join(realPathOf(parent), basename(absolute));
}

/** Signs a statement. @param pem private key: Ed25519 or ECDSA. @throws KitError KEY_INVALID */
export function signStatement(statement: string, pem: string, where: string): string {
  const key = readKey(() => createPrivateKey(pem), where, 'private');
  const payload = Buffer.from(statement);
  const sig = sign(digestOf(key), preAuthentication(payload), key).toString('base64');
  const envelope: Envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: keyIdOf(createPublicKey(key)), sig }],
  };
  return canonicalJson(envelope);
}

export interface StatementCheck {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

export interface StatementToCheck {
  /** Content of the file: a statement, or an envelope that contains a statement. */
  readonly text: string;
  /** Statement recomputed from the run. */
  readonly expected: string;
  /** Public key as PEM, and the path of its file. */
  readonly key?: { readonly pem: string; readonly file: string };
}

/** Compares a statement with its run and checks its signature. @throws KitError KEY_INVALID */
export function checkStatement({ text, expected, key }: StatementToCheck): StatementCheck {
  const envelope = parseEnvelope(text);
  const payload = envelope === undefined ? Buffer.from(text) : Buffer.from(envelope.payload, 'base64');
  const differs = payload.toString() === expected ? [] : ['the statement does not match this run'];
  if (key === undefined) {
    const note =
      envelope === undefined ? [] : ['the signature was not checked: pass the public key with --key'];
    return { problems: differs, notes: note };
  }
  if (envelope === undefined) return { problems: [...differs, 'the statement is not signed'], notes: [] };
  const publicKey = readKey(() => createPublicKey(key.pem), key.file, 'public');
  const isSigned =
    envelope.payloadType === PAYLOAD_TYPE &&
    envelope.signatures.some(({ sig }) =>
      verify(digestOf(publicKey), preAuthentication(payload), publicKey, Buffer.from(sig, 'base64')),
    );
  if (!isSigned)
    return { problems: [...differs, `no signature was made with the key ${key.file}`], notes: [] };
  return {
    problems: differs,
    notes: [`signed with the key ${keyIdOf(publicKey).slice(0, 12)} (${key.file})`],
  };
}

function parseEnvelope(text: string): Envelope | undefined {
  try {
    const value = JSON.parse(text) as Partial<Envelope> | null;
    const isEnvelope =
      typeof value?.payload === 'string' &&
      typeof value.payloadType === 'string' &&
      Array.isArray(value.signatures) &&
      value.signatures.every((each) => typeof (each as { sig?: unknown } | null)?.sig === 'string');
    return isEnvelope ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the bytes that DSSE signs: type and payload, each preceded by its length. */
function preAuthentication(payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(PAYLOAD_TYPE)} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Returns the hash algorithm for a key; null for Ed25519, which does its own hashing. */
function digestOf({ asymmetricKeyType }: KeyObject): 'sha256' | null {
  return asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function readKey(parse: () => KeyObject, where: string, kind: 'private' | 'public'): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch (cause) {
    throw invalidKey(where, `not a ${kind} key in PEM without a passphrase`, kind, cause);
  }
  const { asymmetricKeyType: type = 'unknown' } = key;
  if (type === 'ed25519' || type === 'ec') return key;
  throw invalidKey(where, `must be an Ed25519 or ECDSA key, got ${type}`, kind);
}

function invalidKey(where: string, message: string, kind: string, cause?: unknown): KitError {
  const make = 'openssl genpkey -algorithm ed25519 -out key.pem';
  const hint = kind === 'private' ? make : `${make}; openssl pkey -in key.pem -pubout -out pub.pem`;
  return new KitError(message, { code: 'KEY_INVALID', where, hint, cause });
}
