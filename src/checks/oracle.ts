// Oracle, by oracledb in its thin mode: up when the login succeeds and a query returns a row.
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { SqlSpec, Target } from '../config/model.ts';
import { CannotCheck, CheckFailure, messageOf } from '../errors.ts';
import type { Check } from './check.ts';
import { type Framing, guard } from './guard.ts';
import { codeOf } from './reasons.ts';
import { hideSecret } from './secrets.ts';
import { byteCount, printable } from './text.ts';

export const oracle: Check<'oracle'> = async (target, spec, ctx) => {
  const oracledb = await load();
  const { user, password } = spec.login;
  return new Promise((resolve, reject) => {
    let current: Socket | undefined;
    function adopt(socket: Socket): void {
      current = socket;
      // With an error: while it connects, oracledb waits for that and for nothing else.
      ctx.defer(() => socket.destroy(new CheckFailure('the check is over')));
      const fail = (error: Error) => {
        // A listener may send us elsewhere: then the first connection has served its purpose.
        if (socket === current) reject(error);
      };
      guard(socket, { framing: createFraming(), secret: password, fail }, ctx);
      ctx.progress(() => (socket.connecting ? 'could not connect' : `connected, got ${byteCount(socket.bytesRead)}`));
    }

    async function converse(): Promise<string> {
      ctx.trace?.(`> login ${printable(user)}`);
      const connection = await oracledb.getConnection({ user, password, connectString: descriptor(target, spec) });
      ctx.trace?.(`> ${printable(spec.query)}`);
      const { rows } = await connection.execute(spec.query, [], { maxRows: 1 });
      // The verdict is there; how the server says goodbye does not change it.
      current = undefined;
      await connection.close().catch(() => {});
      if (rows === undefined || rows.length === 0) throw new CheckFailure('the query returned no row');
      ctx.trace?.('< a row');
      return '1 row';
    }

    adopters.run(adopt, converse).then(resolve, (error: unknown) => {
      const failure = failureOf(error, password);
      if (!ctx.signal.aborted) ctx.trace?.(`< ${failure.message}`);
      reject(failure);
    });
  });
};

/**
 * oracledb opens its connections itself, shows them to nobody and cannot be stopped: its own time limits end the connecting, not
 * the login. But Node tells of each connection that this process makes, and the store says which check it is made for.
 */
const adopters = new AsyncLocalStorage<(socket: Socket) => void>();
let watching = false;

async function load() {
  const { default: oracledb } = await import('oracledb').catch((cause: unknown) => {
    const missing = 'the oracle check needs the package oracledb, which is not installed (npm install oracledb@26)';
    throw new CannotCheck(missing, { cause });
  });
  if (!watching) {
    subscribe('net.client.socket', (message) => adopters.getStore()?.((message as { socket: Socket }).socket));
    watching = true;
  }
  return oracledb;
}

/** oracledb's own limits, in seconds, come after ours: only if its connections could not be seen would they be needed. */
function descriptor({ address, port }: Target, { database, timeoutMs }: SqlSpec<'oracle'>): string {
  const limit = timeoutMs / 1000 + 10;
  const limits = `(RETRY_COUNT=0)(CONNECT_TIMEOUT=${limit})(TRANSPORT_CONNECT_TIMEOUT=${limit})`;
  const sid = database === undefined ? '' : `(SID=${database})`;
  return `(DESCRIPTION=${limits}(ADDRESS=(PROTOCOL=TCP)(HOST=${address})(PORT=${port}))(CONNECT_DATA=${sid}))`;
}

const HEADER_BYTES = 8;
/** ACCEPT, REFUSE, REDIRECT, RESEND: what a listener answers to CONNECT. */
const FIRST_ANSWERS: ReadonlySet<number | undefined> = new Set([2, 4, 5, 11]);

/** Only the first packet is looked at: what a length is changes with what it says. */
function createFraming(): Framing {
  let greeted = false;
  return {
    protocol: 'Oracle',
    measure(bytes) {
      if (!greeted) {
        if (bytes.length < HEADER_BYTES) return 'unknown';
        if (!FIRST_ANSWERS.has(bytes[4]) || bytes.readUInt16BE(0) < HEADER_BYTES) return 'wrong';
        greeted = true;
      }
      return bytes.length;
    },
  };
}

/** What oracledb words in its own way, under the number that Oracle's manuals have for it. */
const ORACLE_NUMBERS: Readonly<Record<string, string>> = { 'NJS-518': 'ORA-12514', 'NJS-519': 'ORA-12505' };

/** Characters of a message that are looked at, many more than are shown: what follows takes the square of their number. */
const MOST_WORDS = 2_000;

function failureOf(error: unknown, password: string): CheckFailure {
  if (error instanceof CheckFailure) return error;
  const code = codeOf(error) ?? '';
  // oracledb reads a listener's words as ASCII.
  const mangled = Buffer.from(password).toString('ascii');
  const said = hideSecret(hideSecret(messageOf(error), password), mangled)
    .slice(0, MOST_WORDS)
    // Other at each attempt.
    .replace(/ ?\(CONNECTION_ID=[^)]*\)/, '')
    .replace(/\nHelp: [^\n]*/, '')
    .replace(/\s*\n\s*/g, ' ');
  // Any other is no error of oracledb's, but one inside it.
  const words = /^[A-Z]{3}-\d+$/.test(code) ? said : `broken Oracle answer: ${said}`;
  const number = ORACLE_NUMBERS[code];
  return new CheckFailure(printable(number === undefined ? words : `${words} (${number})`), { cause: error });
}
