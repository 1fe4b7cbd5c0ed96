// The control socket of a running daemon: one question a connection, as a line of JSON, and its answer.
import { mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isUsageError, messageOf, UsageError } from '../errors.ts';

/** What a daemon can be asked. */
export interface Question {
  readonly op: string;
}

/** What it answers: a value, or why not, in words and with the exit code that whoever asked ends with (1 where it tells none). */
export type Answer =
  | { readonly value: unknown }
  | { readonly error: string; readonly exitCode?: number; readonly details?: string | undefined };

/** A value that is JSON text already, in pieces: a large one delays no check. */
export class JsonText {
  readonly pieces: AsyncIterable<string>;
  constructor(pieces: AsyncIterable<string>) {
    this.pieces = pieces;
  }
}

/** By `op`; a rejection's message is the answer's error. A value may be JsonText. */
export type Handlers = Readonly<Record<string, (question: Question) => Promise<unknown> | unknown>>;

const MAX_QUESTION_BYTES = 4 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_CONNECTIONS = 16;
/** Whoever connects must ask within this time, take something of the answer within it, and all of it within that. */
const IDLE_MS = 5_000;
const ANSWER_MS = 60_000;

/** Beside the pid file, or in /run/tsdirectord for a pid file where pid files are: `NAME.sock`. */
export function socketPath(pidFile: string): string {
  const name = `${basename(pidFile).replace(/^ldirectord\.|\.pid$/g, '')}.sock`;
  return ['/var/run', '/run'].includes(dirname(pidFile))
    ? join('/run/tsdirectord', name)
    : join(dirname(pidFile), name);
}

export interface Control {
  close(): Promise<void>;
}

/** Listens; only this user can connect (mode 0600). The caller must be the only one with this path: what is there is removed. */
export async function listenForControl(path: string, handlers: Handlers): Promise<Control> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, handlers);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listening(server, path);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      // Node removes the path with the server.
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Nobody else may connect from the very beginning. */
async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Stays: later ones, such as too many open files, end nothing.
    server.on('error', reject);
    // The path is made within this call, so that no other file gets this mode. A chmod would change whatever has the path by then.
    const before = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(before);
  });
}

function serve(socket: Socket, handlers: Handlers): void {
  let asked = '';
  const endAfter = (ms: number) => setTimeout(() => socket.destroy(), ms);
  let late = endAfter(IDLE_MS);
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', () => clearTimeout(late));
  socket.setEncoding('utf8').on('data', (text: string) => {
    asked += text;
    if (asked.length > MAX_QUESTION_BYTES) {
      socket.destroy();
      return;
    }
    if (!asked.includes('\n')) return;
    socket.removeAllListeners('data').resume();
    // A reload takes as long as it takes.
    clearTimeout(late);
    void answer(asked, handlers).then((said) => {
      if (socket.destroyed) return;
      socket.setTimeout(IDLE_MS);
      late = endAfter(ANSWER_MS);
      // Whoever goes away before the end is nobody's trouble.
      void pipeline(Readable.from(textOf(said)), socket).catch(() => {});
    });
  });
}

async function* textOf(said: Answer): AsyncGenerator<string> {
  if (!('value' in said && said.value instanceof JsonText)) {
    yield `${JSON.stringify(said)}\n`;
    return;
  }
  yield '{"value":';
  yield* said.value.pieces;
  yield '}\n';
}

async function answer(asked: string, handlers: Handlers): Promise<Answer> {
  try {
    const question = JSON.parse(asked) as Question;
    const handler = Object.hasOwn(handlers, question.op) ? handlers[question.op] : undefined;
    if (handler === undefined) return { error: `this daemon does not know "${question.op}"`, exitCode: 1 };
    return { value: await handler(question) };
  } catch (error) {
    const { exitCode, details } = isUsageError(error) ? error : { exitCode: 1 };
    return { error: messageOf(error), exitCode, details };
  }
}

/**
 * Asks the daemon that listens there. Rejects with its error as a UsageError, with a system error (ENOENT, ECONNREFUSED, EACCES), or when there is
 * no answer within `deadlineMs`.
 */
export function askDaemon(path: string, question: Question, deadlineMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const chunks: string[] = [];
    let size = 0;
    const timer = setTimeout(
      () => socket.destroy(new Error(`the daemon did not answer within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    socket.on('connect', () => socket.write(`${JSON.stringify(question)}\n`));
    socket.setEncoding('utf8').on('data', (text: string) => {
      chunks.push(text);
      size += text.length;
      if (size > MAX_ANSWER_BYTES) socket.destroy(new Error('the daemon does not stop answering'));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      try {
        const said = JSON.parse(chunks.join('')) as Answer;
        if ('error' in said) reject(new UsageError(said.error, said.exitCode ?? 1, { details: said.details }));
        else resolve(said.value);
      } catch (error) {
        reject(new Error('the daemon closed the connection without an answer', { cause: error }));
      }
    });
  });
}
