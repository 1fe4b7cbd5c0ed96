// MySQL and MariaDB, by mysql2: up when the login succeeds and a query returns a row. Spoken in the clear, as Debian's ldirectord
// does it; the password never is: a server that has forgotten it sends a key to encrypt it with.
import type { Connection, QueryError } from 'mysql2';
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { type Framing, guard } from './guard.ts';
import { hideSecret } from './secrets.ts';
import { openSocket } from './socket.ts';
import { printable } from './text.ts';

const HEADER_BYTES = 4;
const GREETING = 10;
const ERROR = 0xff;
const LONGEST_GREETING = 64 * 1024;
/** COM_QUIT. Without it the server logs and counts an aborted connection. */
const QUIT = Buffer.from([1, 0, 0, 0, 1]);

export const mysql: Check<'mysql'> = async (target, { login, database, query: sql }, ctx) => {
  const { createConnection } = await import('mysql2');
  const socket = await openSocket(target, ctx);
  return new Promise((resolve, reject) => {
    const framing = createFraming(() => connection.sequenceId);
    guard(socket, { framing, secret: login.password, fail: reject }, ctx);
    const fail = (error: Error) => {
      const failure =
        error instanceof CheckFailure
          ? error
          : new CheckFailure(reasonOf(error as QueryError, login.password), { cause: error });
      ctx.trace?.(`< ${failure.message}`);
      reject(failure);
    };
    ctx.trace?.(`> login ${printable(login.user)}`);
    const connection: Connection = createConnection({
      ...login,
      ...(database === undefined ? {} : { database }),
      stream: socket,
      connectTimeout: 0,
      flags: ['-LOCAL_FILES', '-SESSION_TRACK'],
      connectAttributes: { program_name: 'tsdirectord' },
      rowsAsArray: true,
      typeCast: false,
      // No code is made from the names of a server's columns.
      disableEval: true,
    });
    connection.on('error', fail);
    connection.once('connect', () => {
      ctx.defer(() => {
        if (socket.writable) socket.end(QUIT);
      });
      ctx.progress(() => 'logged in, no answer to the query');
      ctx.trace?.(`> ${printable(sql)}`);
    });
    const query = connection.query(sql);
    query.on('error', fail);
    query.on('result', (row: unknown) => {
      // What a statement without rows gives is no array.
      if (!Array.isArray(row)) return;
      ctx.trace?.('< a row');
      socket.end(QUIT);
      resolve('1 row');
    });
    query.on('end', () => reject(new CheckFailure('the query returned no row')));
  });
};

/** @param expected the number of the packet that comes next: mysql2 would complain of any other on standard error */
function createFraming(expected: () => number): Framing {
  let greeted = false;
  return {
    protocol: 'MySQL',
    measure(bytes) {
      if (bytes.length < HEADER_BYTES) return 'unknown';
      const payload = bytes.readUIntLE(0, 3);
      if (payload === 0) return 'wrong';
      if (bytes.length === HEADER_BYTES) return 'unknown';
      const kind = bytes[HEADER_BYTES];
      if (!greeted && ((kind !== GREETING && kind !== ERROR) || payload > LONGEST_GREETING)) return 'wrong';
      greeted = true;
      // Errors before the greeting, and of proxies, are numbered as it pleases them: what they say is worth more.
      if (kind === ERROR) bytes[HEADER_BYTES - 1] = expected();
      else if (bytes[HEADER_BYTES - 1] !== expected()) return 'wrong';
      return HEADER_BYTES + payload;
    },
  };
}

function reasonOf({ code, errno, message }: QueryError, password: string): string {
  const said = printable(hideSecret(message, password)) || 'an error without words';
  if (errno !== undefined) return `${said} (${code ?? errno})`;
  if (code === 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED')
    return 'the server wants the password in the clear, which is refused';
  const plugin = /unknown plugin (.*?)\. /.exec(said)?.[1];
  if (plugin !== undefined) return `the server wants a login by ${plugin}, which is not supported`;
  return `broken MySQL answer: ${said}`;
}
