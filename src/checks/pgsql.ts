// PostgreSQL, by pg: up when the login succeeds and a query returns a row. Over TLS where the server has it, in the clear where
// not: libpq's sslmode=prefer, with which ldirectord asks.
import type { Socket } from 'node:net';
import type { SqlSpec, Target } from '../config/model.ts';
import { CheckFailure, messageOf } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { type Framing, guard } from './guard.ts';
import { codeOf, explain } from './reasons.ts';
import { hideSecret, hideSecretBytes } from './secrets.ts';
import { openSocket, startTls } from './socket.ts';
import { printable, quoted } from './text.ts';

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
/** Without it the server logs an unexpected end. */
const TERMINATE = Buffer.from('X\0\0\0\x04');
/** invalid_authorization_specification: no line of pg_hba.conf is for us, perhaps only because we came over TLS. */
const NOT_FOR_US = '28000';

export const pgsql: Check<'pgsql'> = async (target, spec, ctx) => {
  const socket = await openSocket(target, ctx);
  if (!(await agreesToTls(socket, spec, ctx))) return ask(socket, target, spec, ctx);
  try {
    return await ask(await overTls(socket, target, ctx), target, spec, ctx);
  } catch (error) {
    if (!(error instanceof TlsFailed)) throw error;
    socket.destroy();
    ctx.signal.throwIfAborted();
    ctx.trace?.('> once more, without TLS');
    return await ask(await openSocket(target, ctx), target, spec, ctx).catch((second: unknown) => {
      const { outcome, detail } = explain(second);
      throw outcome === 'error'
        ? second
        : new CheckFailure(`${detail} (over TLS: ${error.message})`, { cause: second });
    });
  }
};

/** After this libpq asks without TLS. */
class TlsFailed extends CheckFailure {}

async function agreesToTls(socket: Socket, { login }: SqlSpec<'pgsql'>, ctx: CheckContext): Promise<boolean> {
  ctx.progress(() => 'connected, no answer to the TLS request');
  ctx.trace?.('> SSLRequest');
  socket.write(SSL_REQUEST);
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new CheckFailure('connection closed without an answer')));
    socket.once('data', (chunk) => {
      socket.pause();
      resolve(chunk);
    });
  });
  const said = quoted(hideSecretBytes(answer, login.password));
  ctx.trace?.(`< ${said}`);
  const [decision] = answer.toString('latin1');
  if (decision !== 'S' && decision !== 'N') throw new CheckFailure(`the answer is not PostgreSQL: ${said}`);
  // Whoever sits in between could have added it (CVE-2021-23222).
  if (answer.length > 1)
    throw new CheckFailure('the server sent something in the clear after its answer to the TLS request');
  return decision === 'S';
}

async function overTls(socket: Socket, { address }: Target, ctx: CheckContext): Promise<Socket> {
  try {
    return await startTls(socket, address, {}, ctx);
  } catch (error) {
    throw new TlsFailed(explain(error).detail, { cause: error });
  }
}

async function ask(socket: Socket, target: Target, spec: SqlSpec<'pgsql'>, ctx: CheckContext): Promise<string> {
  const { Client, Query } = await import('pg');
  const { user, password } = spec.login;
  return new Promise((resolve, reject) => {
    guard(socket, { framing: createFraming(), secret: password, fail: reject }, ctx);
    const fail = (error: Error) => {
      const failure = error instanceof CheckFailure ? error : failureOf(error, password);
      ctx.trace?.(`< ${failure.message}`);
      reject(failure);
    };
    // pg connects its stream itself, and waits until it says that it is.
    socket.connect = () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    };
    ctx.trace?.(`> login ${printable(user)}`);
    const client = new Client({
      stream: () => socket,
      host: target.address,
      port: target.port,
      user,
      // Not as a string: pg takes an empty one for none, and looks for one in the environment and in ~/.pgpass.
      password: () => password,
      database: spec.database ?? user,
      ssl: false,
      application_name: 'tsdirectord',
      types: { getTypeParser: () => (value: string) => value },
    });
    client.on('error', fail);
    client.connect((error?: Error | null) => {
      if (error) return fail(error);
      ctx.defer(() => {
        if (socket.writable) socket.end(TERMINATE);
      });
      ctx.progress(() => 'logged in, no answer to the query');
      ctx.trace?.(`> ${printable(spec.query)}`);
      // A portal that is asked for one row: the server does not make the others.
      const query = new Query({ text: spec.query, rows: 1 } as { text: string });
      query.on('error', fail);
      query.on('row', () => {
        ctx.trace?.('< a row');
        socket.end(TERMINATE);
        resolve('1 row');
      });
      query.on('end', () => reject(new CheckFailure('the query returned no row')));
      client.query(query);
    });
    socket.resume();
  });
}

const TYPE_BYTES = 1;
const HEADER_BYTES = TYPE_BYTES + 4;
const MESSAGE_TYPES = '123ACDEGHIKNRSTWZcdnst';
const LONGEST_GREETING = 64 * 1024;

function createFraming(): Framing {
  let greeted = false;
  return {
    protocol: 'PostgreSQL',
    measure(bytes) {
      if (bytes.length < HEADER_BYTES) return 'unknown';
      const type = String.fromCharCode(bytes[0] ?? 0);
      const length = TYPE_BYTES + bytes.readUInt32BE(TYPE_BYTES);
      if (!MESSAGE_TYPES.includes(type) || length < HEADER_BYTES) return 'wrong';
      if (!greeted && (!'ENR'.includes(type) || length > LONGEST_GREETING)) return 'wrong';
      if (bytes.length < length) return length;
      greeted = true;
      // pg never comes back from an error or a notice that lacks its end.
      if ('EN'.includes(type) && !endsFields(bytes.subarray(HEADER_BYTES, length))) return 'wrong';
      return length;
    },
  };
}

/** Each field ends with a zero, and the list of them with another one. */
function endsFields(fields: Buffer): boolean {
  return fields.at(-1) === 0 && (fields.length === 1 || fields.at(-2) === 0);
}

function failureOf(error: Error, password: string): CheckFailure {
  const words = messageOf(error) || 'an error without words';
  const code = codeOf(error);
  const said = printable(hideSecret(code === undefined ? ownWords(words, password) : `${words} (${code})`, password));
  return code === NOT_FOR_US ? new TlsFailed(said, { cause: error }) : new CheckFailure(said, { cause: error });
}

/** What has no SQLSTATE is pg's own. */
function ownWords(words: string, password: string): string {
  if (!words.startsWith('SASL: ')) return `broken PostgreSQL answer: ${words}`;
  return password === '' ? `${words}: set passwd` : words;
}
